"""The learner: forward → targets → weights → loss → metrics, and nothing else."""

from __future__ import annotations

import math
from typing import Any

import torch
from ray.rllib.core import ALL_MODULES
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.utils.metrics import (
    NUM_ENV_STEPS_TRAINED,
    NUM_ENV_STEPS_TRAINED_LIFETIME,
    NUM_EPISODES_LIFETIME,
    WEIGHTS_SEQ_NO,
)
from torch import Tensor

from rllib_remix.learning.loss import masked_mean, masked_std, weighted_squared_error
from rllib_remix.learning.priorities import episode_priorities, profile_weights
from rllib_remix.learning.targets import lambda_returns, step_mask
from rllib_remix.learning.weighting import SCHEMES, WeightingInputs, Weights
from rllib_remix.memory import kept_memory, skip_memory_fill

EPISODE_WEIGHTS = "episode_weights"  # what the loop takes out of the results, see `_report_weights`
_LAST_TARGET_COPY = "episodes_at_last_target_copy"


class TeamLearner(TorchLearner):
    """Updates a TeamRLModule from batches of whole episodes.

    A batch holds `obs`, `state`, `avail_actions`, `actions`, `rewards`, `lengths`, `lives`, `terminated`, `numbers`,
    `importance` as the replay buffer gives them, and `num_steps` [B] float32: the real steps of the whole batch
    divided by the number of learners, so that the mean over learners of their parts is exactly the loss of the whole.
    """

    config: Any  # a QMIXConfig

    def build(self) -> None:
        super().build()
        skip_memory_fill()
        # Only now, so that neither the optimizer nor the distributed wrapper sees the targets.
        for module in self._team_modules():
            module.make_target_networks()
        self._episodes_at_last_target_copy = 0
        self._gradient_is_finite = True

    def update(self, *args: Any, **kwargs: Any) -> Any:
        with kept_memory():
            return super().update(*args, **kwargs)

    def compute_loss_for_module(
        self, *, module_id: str, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor]
    ) -> Tensor:
        mask = step_mask(batch["lengths"], batch["rewards"].shape[1])
        targets = lambda_returns(
            batch["rewards"],
            fwd_out["target_values"],
            batch["lengths"],
            batch["terminated"],
            gamma=config.gamma,
            td_lambda=config.td_lambda,
        )
        result = self._weigh(config, batch, fwd_out, targets, mask)
        priorities = episode_priorities(result.weights, mask)
        weights, q_star_weights = result.weights, None
        if config.weighting_mode == "sampling":
            weights = profile_weights(weights, priorities, batch["importance"])
            q_star_weights = batch["importance"].unsqueeze(-1)
        num_steps = batch["num_steps"][0]
        q_tot = fwd_out["q_tot"]
        td_loss = weighted_squared_error(q_tot, targets, weights, mask, num_steps)
        loss = td_loss
        values = {"td_loss": td_loss}
        if "q_star" in fwd_out:
            values["q_star_loss"] = weighted_squared_error(
                fwd_out["q_star"], targets, q_star_weights, mask, num_steps
            )
            loss = loss + config.q_star_loss_weight * values["q_star_loss"]
        self._log(module_id, values, q_tot, targets, result, mask)
        self._report_weights(module_id, result.weights[mask], batch["numbers"], priorities)
        # Times 1, or NaN if the loss is not finite: its gradient is averaged, so that all learners see it there.
        return loss * (1.0 + 0.0 * loss.detach())

    @torch.no_grad()
    def _weigh(
        self, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor], targets: Tensor, mask: Tensor
    ) -> Weights:
        actions = batch["actions"].long()
        inputs = WeightingInputs(
            q_tot=fwd_out["q_tot"].detach(),
            targets=targets,
            mask=mask,
            utilities=fwd_out["utilities"][:, :-1],
            avail_actions=batch["avail_actions"][:, :-1],
            actions=actions,
            took_greedy=(fwd_out["greedy_actions"][:, :-1] == actions).all(-1),
            greedy_value=fwd_out["target_values"][:, :-1],
            q_star=fwd_out["q_star"].detach() if "q_star" in fwd_out else None,
            mixer_gradient=fwd_out.get("mixer_gradient"),
        )
        return SCHEMES[config.weighting].function(inputs, **config.weighting_config)

    @torch.no_grad()
    def _log(
        self,
        module_id: str,
        values: dict[str, Tensor],
        q_tot: Tensor,
        targets: Tensor,
        result: Weights,
        mask: Tensor,
    ) -> None:
        weights = result.weights
        metrics = {name: value.detach() for name, value in values.items()}
        metrics |= {
            "q_tot_mean": masked_mean(q_tot, mask),
            "target_mean": masked_mean(targets, mask),
            "weight_mean": masked_mean(weights, mask),
            "weight_min": weights.masked_fill(~mask, torch.inf).amin(),
            "weight_max": weights.amax(),
            "overestimated_share": masked_mean((q_tot > targets).float(), mask),
        }
        for name, term in result.terms.items():
            if term.dtype == torch.bool:
                metrics[f"weight_terms/{name}_share"] = masked_mean(term.float(), mask)
            else:
                metrics[f"weight_terms/{name}_mean"] = masked_mean(term, mask)
                metrics[f"weight_terms/{name}_std"] = masked_std(term, mask)
        # One transfer for all of them.
        for name, number in zip(metrics, torch.stack(list(metrics.values())).tolist(), strict=True):
            reduce = {"weight_min": "min", "weight_max": "max"}.get(name, "mean")
            self.metrics.log_value((module_id, *name.split("/")), number, reduce=reduce, window=1)

    def _report_weights(self, module_id: str, weights: Tensor, numbers: Tensor, priorities: Tensor) -> None:
        """Hands the loop what it counts and what the replay buffer draws by.

        Args:
            weights: [N] float32, of the real steps.
            numbers, priorities: [B], of the episodes.
        """
        report = {"weights": weights, "numbers": numbers, "priorities": priorities}
        arrays = {name: values.cpu().numpy() for name, values in report.items()}
        self.metrics.log_value((module_id, EPISODE_WEIGHTS), arrays, reduce="item_series")

    def postprocess_gradients_for_module(
        self, *, module_id: str, config: Any = None, module_gradients_dict: dict[Any, Any]
    ) -> Any:
        gradients = [gradient for gradient in module_gradients_dict.values() if gradient is not None]
        norm = torch.nn.utils.get_total_norm(gradients).item()
        self.metrics.log_value((module_id, "grad_norm"), norm, window=1)
        self._gradient_is_finite = math.isfinite(norm)
        return super().postprocess_gradients_for_module(
            module_id=module_id, config=config, module_gradients_dict=module_gradients_dict
        )

    def apply_gradients(self, gradients_dict: dict[Any, Any]) -> None:
        """As RLlib's, but networks and optimizer stay as they are if loss or gradient are not finite.

        RLlib would put 0 in the place of what is not finite, and step.
        """
        if self._gradient_is_finite:
            super().apply_gradients(gradients_dict)

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
        """Copies the online networks onto the targets, counted in episodes collected from the environments."""
        super().after_gradient_based_update(timesteps=timesteps)
        episodes = timesteps.get(NUM_EPISODES_LIFETIME, 0)
        if episodes - self._episodes_at_last_target_copy < self.config.target_network_update_episodes:
            return
        self._episodes_at_last_target_copy = episodes
        for module in self._team_modules():
            for source, target in module.get_target_network_pairs():
                target.load_state_dict(source.state_dict())

    def _team_modules(self) -> list[Any]:
        """The TeamRLModules themselves, out of what wraps them for several learners."""
        return [self.module[module_id].unwrapped() for module_id in list(self.module.keys())]

    # Checkpointable

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().get_state(*args, **kwargs) | {_LAST_TARGET_COPY: self._episodes_at_last_target_copy}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._episodes_at_last_target_copy = state.get(_LAST_TARGET_COPY, self._episodes_at_last_target_copy)
