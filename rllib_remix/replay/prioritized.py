"""Replay of whole team episodes, drawn by priority."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from torch import Tensor

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.files.durable import write_through
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.chunks import PRIORITIES_FILE, read_index
from rllib_remix.replay.draws import checked_priorities, draw_by_priority, draw_recent_by_priority
from rllib_remix.replay.sum_tree import SumTree
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.settings import check_number


class PrioritizedMultiAgentReplayBuffer(MultiAgentReplayBuffer):
    """A MultiAgentReplayBuffer that draws an episode in proportion to (priority + ε)^α (Schaul et al. 2016).

    A new episode has the greatest priority of those stored (the very first 1), until `update_priorities` gives it
    its own. The draws of a batch are stratified: the sum of priorities is cut into as many equal parts as there
    are draws, and each part gives one, so an episode may come several times. With α = 0 everything is as in the
    uniform buffer, draw by draw.

    Args:
        alpha: how much priorities count, in [0, 1].
        epsilon: added to every priority, in (0, 1], so that no episode is lost.
        measure: what the priorities measure. Those of a checkpoint that measured something else are all set to 1.
        spec, capacity, recent_capacity, seed: as for MultiAgentReplayBuffer.

    Raises:
        SettingError: as MultiAgentReplayBuffer, and for alpha or epsilon out of range.
    """

    def __init__(
        self,
        spec: TeamSpec,
        *,
        capacity: int,
        alpha: float = 1.0,
        epsilon: float = 1e-6,
        measure: str = "",
        recent_capacity: int = 200,
        seed: int | None = None,
    ):
        check_number("prioritized_replay_alpha", alpha, low=0, high=1)
        check_number("prioritized_replay_epsilon", epsilon, low=0, high=1, low_open=True)
        super().__init__(spec, capacity=capacity, recent_capacity=recent_capacity, seed=seed)
        self.alpha, self.epsilon, self.measure = float(alpha), float(epsilon), measure
        self._priorities = np.zeros(self.capacity, np.float64)
        self._tree = SumTree(self.capacity)

    @classmethod
    def bytes_needed(cls, spec: TeamSpec, capacity: int) -> int:
        """Memory of a full buffer, in bytes."""
        priorities = capacity * np.float64().itemsize + SumTree.bytes_needed(capacity)
        return super().bytes_needed(spec, capacity) + priorities

    @property
    def priorities(self) -> np.ndarray:
        """[episodes stored] float64, oldest first, without ε and α."""
        return self._priorities[self._slots_of(np.arange(self._added - len(self), self._added))]

    def add(self, episodes: Sequence[TeamEpisode]) -> None:
        """As MultiAgentReplayBuffer's; the new episodes get the greatest priority there is."""
        greatest = self._priorities[: len(self)].max() if len(self) else 1.0
        before = self._added
        super().add(episodes)
        new = self._slots_of(np.arange(max(before, self._added - self.capacity), self._added))
        self._set(new, np.full(len(new), greatest))

    def update_priorities(self, numbers: np.ndarray, priorities: np.ndarray) -> None:
        """Sets the priorities of episodes; those that have been overwritten in the meantime are left out.

        Args:
            numbers: [K] int64, as a batch gives them; of one that occurs several times the last counts.
            priorities: [K] float64, finite and not negative.

        Raises:
            ValueError: for a priority that is NaN, negative or infinite, or the number of an episode that never was;
                nothing is changed.
        """
        numbers, priorities = checked_priorities(numbers, priorities, self._added)
        stored = numbers >= self._added - len(self)
        self._set(self._slots_of(numbers[stored]), priorities[stored])

    def _set(self, slots: np.ndarray, priorities: np.ndarray) -> None:
        self._priorities[slots] = priorities
        self._tree.set(slots, self._masses(priorities))

    def _masses(self, priorities: np.ndarray) -> np.ndarray:
        return (priorities + self.epsilon) ** self.alpha

    def sample(
        self, num_episodes: int, *, num_recent: int = 0, beta: float = 0.0, pin_memory: bool = False
    ) -> dict[str, Tensor]:
        """As MultiAgentReplayBuffer's, but by priority, the recent part too, and with repetition.

        Args:
            num_episodes, num_recent, pin_memory: as there.
            beta: of the importance correction, in [0, 1].

        Returns:
            As there, with `importance` [B] float32: (1 / (N·P_e))^β, N episodes stored and P_e the probability of
            this one, divided by the greatest of the batch. 1 for the recent part, which is meant to count more.
        """
        if self.alpha == 0:
            return super().sample(num_episodes, num_recent=num_recent, pin_memory=pin_memory)
        self._check_draw(num_episodes, num_recent)
        count, stored = num_episodes - num_recent, len(self)
        slots, correction = draw_by_priority(self._tree, count, stored, beta, self._rng)
        importance = np.ones(num_episodes, np.float32)
        importance[:count] = correction
        if num_recent:
            newest = self._slots_of(np.arange(self._added - min(stored, self.recent_capacity), self._added))
            others = draw_recent_by_priority(self._tree, newest, num_recent, self._rng)
            slots = np.concatenate([slots, others])
        return self._batch(slots, importance, pin_memory)

    # Checkpointable

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        state = super().get_state(components, not_components=not_components, **kwargs)
        return state | {"priorities": self._priorities[: len(self)].copy(), "measure": self.measure}

    def _restore(self, state: dict[str, Any], order: np.ndarray) -> None:
        """Priorities too; they are all 1 if the checkpoint has none, or such as measured something else."""
        super()._restore(state, order)
        priorities = state.get("priorities")
        if priorities is None or state["measure"] != self.measure:
            priorities = np.ones(len(state["lengths"]))
        self._set_all(np.arange(len(order)), priorities[order])

    def _set_all(self, slots: np.ndarray, priorities: np.ndarray) -> None:
        """Sets the priorities of `slots`, and no other has one."""
        self._priorities[:] = 0.0
        self._tree.set(np.arange(self.capacity), np.zeros(self.capacity))
        self._set(slots, priorities)

    def save_to_path(self, path: Any = None, *, previous: Path | None = None, **kwargs: Any) -> str:
        """As MultiAgentReplayBuffer's, with the priorities."""
        folder = Path(super().save_to_path(path, previous=previous, **kwargs))
        write_through(folder / PRIORITIES_FILE, safetensors.numpy.save({"priorities": self.priorities}))
        return str(folder)

    def _index(self) -> dict[str, Any]:
        return super()._index() | {"measure": self.measure}

    def restore_from_path(self, path: Any, **kwargs: Any) -> None:
        """As MultiAgentReplayBuffer's; priorities are all 1 if there are none, or such as measured something else."""
        super().restore_from_path(path, **kwargs)
        file = Path(path) / PRIORITIES_FILE
        priorities = np.ones(len(self))
        if file.is_file() and read_index(Path(path)).get("measure") == self.measure:
            try:
                saved = safetensors.numpy.load(file.read_bytes())["priorities"]
            except safetensors.SafetensorError as error:
                raise ValueError(f"{PRIORITIES_FILE}: {error}") from error
            priorities = saved[len(saved) - len(self) :]
        self._set_all(self._slots_of(np.arange(self._added - len(self), self._added)), priorities)

    def get_ctor_args_and_kwargs(self) -> tuple[tuple, dict[str, Any]]:
        arguments, settings = super().get_ctor_args_and_kwargs()
        settings |= {"alpha": self.alpha, "epsilon": self.epsilon, "measure": self.measure}
        return arguments, settings


REPLAY_BUFFERS: dict[str, type[MultiAgentReplayBuffer]] = {
    "uniform": MultiAgentReplayBuffer,
    "prioritized": PrioritizedMultiAgentReplayBuffer,
}
