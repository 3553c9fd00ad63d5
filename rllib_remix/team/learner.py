"""What the learners of all algorithms share: what a batch is, which updates are made, what is copied when and told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from ray.rllib.core import ALL_MODULES, DEFAULT_MODULE_ID
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import (
    NUM_ENV_STEPS_TRAINED,
    NUM_ENV_STEPS_TRAINED_LIFETIME,
    NUM_EPISODES_LIFETIME,
    WEIGHTS_SEQ_NO,
)
from ray.rllib.utils.torch_utils import convert_to_torch_tensor
from torch import Tensor

from rllib_remix.learning.optimizers import uncompiled
from rllib_remix.memory import kept_memory, skip_memory_fill
from rllib_remix.team.results.updates import UpdateReport, add_report
from rllib_remix.team.settings.loop import copy_interval, copy_tau
from rllib_remix.team.target_copies import TargetCopies

_LAST_TARGET_COPY = "episodes_at_last_target_copy"
_UPDATES_SINCE_COPY = "updates_since_target_copy"
_VALUE_UNIT = "value_unit"


class TeamLearner(TorchLearner):
    """Updates a TeamRLModule from batches of episodes; a subclass has the loss, `compute_loss_for_module`.

    A batch holds `obs`, `state`, `avail_actions`, `actions`, `rewards`, `lengths`, `lives`, `terminated`, `numbers`,
    `importance` as the replay buffer gives them, with rewards in the unit of learning; `reward_range` [B, 2] float32, the
    least and the greatest of all rewards so far in that unit; `reward_unit` [B] float32, what in the game is 1 in it, NaN
    while no reward has told; and `num_steps` [B] float32: the real steps of the whole
    batch divided by the number of learners, so that the mean over learners of their parts is exactly the loss of the
    whole. `is_recent` [B] bool says which were drawn from the newest episodes alone, `num_recent_steps` is as `num_steps`
    of these.

    If episodes were cut into pieces, the batch has these in their place, and what `learning/sequences.py:cut_out` adds: `ended`, what was
    before (`begun_…`), and what the networks read first (`before_…`).

    A unit that follows the rewards (`normalize_rewards`, `standardize_rewards`) changes while values are learned. Values
    that are told in the old one would be too large beside rewards whose unit has grown: agents then put off what they could
    earn, since what comes is valued more than what is there. So all values are rescaled whenever the unit changes
    (Pop-Art, van Hasselt et al. 2016). That a mean which is subtracted changes too is left to learning: what it adds to a
    value depends on how long the episode still is.

    Target networks, if the module has some, are renewed after so many updates, or so many episodes collected.
    """

    config: Any  # a TeamAlgorithmConfig

    def build(self) -> None:
        super().build()
        skip_memory_fill()
        if self.config.num_torch_threads is not None:  # In a process of its own nobody else says so.
            torch.set_num_threads(self.config.num_torch_threads)
        # Only now, so that neither the optimizer nor the distributed wrapper sees the targets.
        for module in self._team_modules():
            module.make_target_networks()
            module.value_networks()  # Raises if it does not say them.
            module.num_threads = self.config.num_threads_per_learner
        self._episodes_at_last_target_copy = self._updates_since_copy = 0
        self._gradient_is_finite = True
        self._report = UpdateReport()
        self._target_copies: TargetCopies | None = None
        self._value_unit: float | None = None  # of what the networks say; None if that is not known

    def update(self, *args: Any, **kwargs: Any) -> Any:
        """As RLlib's; what `log_numbers` and `report_episodes` were told is in what it returns, see `pop_reports`."""
        self._report = UpdateReport()
        with kept_memory():
            results = super().update(*args, **kwargs)
        add_report(results, self._report)
        return results

    # What a subclass tells

    def log_numbers(self, module_id: str, numbers: Mapping[str, Tensor]) -> None:
        """Tells scalars of an update, all of them with one transfer; of a name that is told again the last counts.

        Args:
            module_id: of the module.
            numbers: by name, where "a/b" stands under "a". Over learners and updates of an iteration a mean is taken, of
                names that end in `_min` or `_max` the least or greatest.
        """
        values = torch.stack(list(numbers.values())).tolist()
        names = [(module_id, *name.split("/")) for name in numbers]
        self._report.numbers |= zip(names, values, strict=True)

    def report_episodes(
        self, module_id: str, *, numbers: Tensor, priorities: Tensor | None = None, **others: Tensor
    ) -> None:
        """Hands the loop what the replay buffer draws by, if the algorithm draws by priority, and what else it takes.

        Args:
            module_id: of the module, of which there is one.
            numbers: [B], of the episodes in the replay buffer.
            priorities: [B] float32, their new ones; needed only if the algorithm draws by priority.
            others: arrays of any shape for the algorithm's own `take_reports`.
        """
        report = {**others, "numbers": numbers}
        if priorities is not None:
            report["priorities"] = priorities
        arrays = {name: values.cpu().numpy() for name, values in report.items()}
        self._report.episodes.append(arrays)

    def finite_or_no_gradient(self, loss: Tensor) -> Tensor:
        """The loss times 1, or NaN if it is not finite: its gradient is averaged, so that all learners see it there."""
        return loss * (1.0 + 0.0 * loss.detach())

    # RLlib's hooks

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """As RLlib's, with all weights stepped in one call."""
        weights: Any = self.get_parameters(self._module[module_id])  # pyright: ignore[reportOptionalSubscript]
        self.register_optimizer(
            module_id=module_id,
            optimizer=uncompiled(torch.optim.Adam)(weights, fused=True),
            params=weights,
            lr_or_lr_schedule=config.lr,
        )

    def postprocess_gradients_for_module(
        self, *, module_id: str, config: Any = None, module_gradients_dict: dict[Any, Any]
    ) -> Any:
        gradients = [gradient for gradient in module_gradients_dict.values() if gradient is not None]
        norm = torch.nn.utils.get_total_norm(gradients).item()
        self._report.numbers[module_id, "grad_norm"] = norm
        self._gradient_is_finite = math.isfinite(norm)
        return super().postprocess_gradients_for_module(
            module_id=module_id, config=config, module_gradients_dict=module_gradients_dict
        )

    def _set_optimizer_state(self, state: Any) -> None:
        # RLlib's own of Ray 2.55 turns the numbers of weights into tensors too, with which no moments find their weights.
        for name, saved in state.items():
            if name in self._named_optimizers:
                moments = convert_to_torch_tensor(saved["state"]["state"], device=str(self._device))
                self._named_optimizers[name].load_state_dict({**saved["state"], "state": moments})

    def apply_gradients(self, gradients_dict: dict[Any, Any]) -> None:
        """As RLlib's, but networks and optimizer stay as they are if loss or gradient are not finite.

        RLlib would put 0 in the place of what is not finite, and step.
        """
        if self._gradient_is_finite:
            super().apply_gradients(gradients_dict)

    def _uncompiled_update(self, batch: Any, **kwargs: Any) -> Any:
        """As RLlib's, after the batch is taken into the means and variances by which observations are normalised.

        They are as before if no update is made. Values are in the batch's unit of rewards from here on.
        """
        self._rescale_values(batch)
        normalizers = [each for module in self._team_modules() for each in module.normalizers()]
        before = [[buffer.clone() for buffer in each.buffers()] for each in normalizers]
        for module_id, module_batch in batch.items():
            module: Any = self.module[module_id].unwrapped()
            module.note_observations(module_batch)
        done = self.step(batch, **kwargs)
        if not self._gradient_is_finite:
            for normalizer, buffers in zip(normalizers, before, strict=True):
                for buffer, value in zip(normalizer.buffers(), buffers, strict=True):
                    buffer.copy_(value)
        return done

    def _rescale_values(self, batch: Any) -> None:
        unit = batch[DEFAULT_MODULE_ID]["reward_unit"][0].item()
        if math.isnan(unit):
            return
        if self._value_unit is not None and self._value_unit != unit:
            for module in self._team_modules():
                module.rescale_values(self._value_unit / unit)
        self._value_unit = unit

    def step(self, batch: Any, **kwargs: Any) -> Any:
        """One forward and backward pass, and one step of every optimizer; returns what RLlib's update does.

        A learner that learns a batch in several passes overrides it, and calls this for each; what must be computed
        before the first, such as the probabilities of the actions then, is put into the batch at the beginning.
        """
        return super()._uncompiled_update(batch, **kwargs)

    def _log_steps_trained_metrics(self, batch: Any) -> None:
        """Counts env steps; RLlib would count the batch's rows, which are whole episodes here."""
        for module_id, module_batch in batch.policy_batches.items():
            self.metrics.log_value((module_id, WEIGHTS_SEQ_NO), self._weights_seq_no, window=1)
            env_steps = int(module_batch["lengths"].sum())
            self.metrics.log_value((ALL_MODULES, NUM_ENV_STEPS_TRAINED), env_steps, reduce="sum")
            self.metrics.log_value(
                (ALL_MODULES, NUM_ENV_STEPS_TRAINED_LIFETIME),
                env_steps,
                reduce="lifetime_sum",
                with_throughput=True,
            )

    def _convert_batch_type(self, batch: Any, *args: Any, pin_memory: bool = True, **kwargs: Any) -> Any:
        """As RLlib's, but through page-locked memory if this learner is on a GPU."""
        return super()._convert_batch_type(batch, *args, pin_memory=pin_memory, **kwargs)

    def after_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Copies the online networks onto the targets when it is time."""
        super().after_gradient_based_update(timesteps=timesteps)
        if not self._gradient_is_finite:
            return  # No update was made.
        self._updates_since_copy += 1
        if not self._copy_is_due(episodes := timesteps.get(NUM_EPISODES_LIFETIME, 0)):
            return
        self._episodes_at_last_target_copy, self._updates_since_copy = episodes, 0
        if self._target_copies is None:
            modules = self._team_modules()
            self._target_copies = TargetCopies(
                [pair for each in modules for pair in each.get_target_network_pairs()]
            )
        self._target_copies.make(copy_tau(self.config))

    def _copy_is_due(self, episodes: int) -> bool:
        between = self.config.target_network_update_episodes
        if between is None:
            return self._updates_since_copy >= copy_interval(self.config)
        return episodes - self._episodes_at_last_target_copy >= between

    def _team_modules(self) -> list[Any]:
        """The TeamRLModules themselves, out of what wraps them for several learners."""
        return [self.module[module_id].unwrapped() for module_id in list(self.module.keys())]

    # Checkpointable

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().get_state(*args, **kwargs) | {
            _LAST_TARGET_COPY: self._episodes_at_last_target_copy,
            _UPDATES_SINCE_COPY: self._updates_since_copy,
            _VALUE_UNIT: self._value_unit,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._episodes_at_last_target_copy = state.get(_LAST_TARGET_COPY, self._episodes_at_last_target_copy)
        self._updates_since_copy = state.get(_UPDATES_SINCE_COPY, 0)
        self._value_unit = state.get(_VALUE_UNIT)


def learner_batch(sample: dict[str, Tensor], *, num_learners: int, num_recent: int = 0) -> MultiAgentBatch:
    """What the replay buffer drew as RLlib's learners take it: under the module's id.

    The last `num_recent` episodes are those that were drawn from the newest alone.

    RLlib cuts a batch into one part after the other. The episodes are dealt out, so that several learners get alike
    parts: the replay buffer puts recent ones last and, when it draws by priority, orders the others by place.
    """
    episodes = len(sample["lengths"])
    sample = sample | {"is_recent": torch.arange(episodes) >= episodes - num_recent}
    if num_learners > 1:
        rows = torch.arange(episodes)
        dealt = torch.cat([rows[first::num_learners] for first in range(num_learners)])
        sample = {name: values[dealt] for name, values in sample.items()}
    steps = {"num_steps": int(sample["lengths"].sum())}
    steps["num_recent_steps"] = int(sample["lengths"][sample["is_recent"]].sum())
    # Learners average their gradients: each divides by its share, so that the sum is the mean of the whole.
    shares = {name: torch.full((episodes,), count / num_learners) for name, count in steps.items()}
    return MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(sample | shares)}, env_steps=steps["num_steps"])
