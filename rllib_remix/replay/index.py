"""Which of the episodes that lie elsewhere are drawn: a replay buffer without the episodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.replay.draws import checked_priorities, draw_by_priority, draw_recent_by_priority
from rllib_remix.replay.sum_tree import SumTree


class TooFewEpisodes(ValueError):
    """More episodes were asked for than are stored."""


class ReplayIndex:
    """A ring of slots, and draws from those that hold an episode.

    With the same seed and the same calls it draws what PrioritizedMultiAgentReplayBuffer draws (with α = 0
    MultiAgentReplayBuffer), bit for bit. Other than there a slot can lose its episode; draws are then from the rest.

    Args:
        capacity, recent_capacity, alpha, epsilon, seed: as for PrioritizedMultiAgentReplayBuffer.
    """

    def __init__(
        self,
        *,
        capacity: int,
        recent_capacity: int,
        alpha: float = 0.0,
        epsilon: float = 1e-6,
        seed: int | None = None,
    ):
        self.capacity, self.recent_capacity = capacity, recent_capacity
        self.alpha, self.epsilon = alpha, epsilon
        self._stored = np.zeros(capacity, np.bool_)
        self._priorities = np.zeros(capacity, np.float64)
        self._tree = SumTree(capacity)
        self.next, self.added = 0, 0  # the slot that is filled next; episodes so far
        self._rng = np.random.default_rng(seed)

    @staticmethod
    def bytes_needed(capacity: int) -> int:
        """Memory, in bytes."""
        per_slot = np.bool_().itemsize + np.float64().itemsize
        return capacity * per_slot + SumTree.bytes_needed(capacity)

    def __len__(self) -> int:
        return int(self._stored.sum())

    def add(self, count: int) -> np.ndarray:
        """[count] int64: the slots of that many new episodes, at most as many as there are; they overwrite the oldest.

        They get the greatest priority of those stored, the very first 1.
        """
        greatest = self._priorities[self._stored].max() if self._stored.any() else 1.0
        slots = (self.next + np.arange(count)) % self.capacity
        self.next, self.added = (self.next + count) % self.capacity, self.added + count
        self.set(slots, np.full(count, greatest))
        return slots

    def set(self, slots: np.ndarray, priorities: np.ndarray) -> None:
        """Says that slots hold an episode, and of which priority."""
        self._stored[slots] = True
        self._priorities[slots] = priorities
        self._tree.set(slots, (priorities + self.epsilon) ** self.alpha)

    def remove(self, slots: np.ndarray) -> None:
        """Says that slots hold no episode any more; they stay empty until the ring comes to them."""
        self._stored[slots] = False
        self._tree.set(slots, np.zeros(len(slots)))

    def priorities_of(self, slots: np.ndarray) -> np.ndarray:
        """[K] float64, without ε and α."""
        return self._priorities[slots]

    def oldest_first(self) -> np.ndarray:
        """The slots that hold an episode, by its age."""
        slots = (self.next + np.arange(self.capacity)) % self.capacity
        return slots[self._stored[slots]]

    def numbers_of(self, slots: np.ndarray) -> np.ndarray:
        """The numbers of the episodes in these slots; the first ever was 0."""
        return self.added - 1 - (self.next - 1 - slots) % self.capacity

    def update_priorities(self, numbers: np.ndarray, priorities: np.ndarray) -> None:
        """As PrioritizedMultiAgentReplayBuffer's; episodes that were lost are left out as well."""
        numbers, priorities = checked_priorities(numbers, priorities, self.added)
        slots = (self.next - (self.added - numbers)) % self.capacity
        there = (numbers >= self.added - self.capacity) & self._stored[slots]
        self.set(slots[there], priorities[there])

    # Draws

    def draw(
        self, num_episodes: int, *, num_recent: int = 0, beta: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The slots [B] int64 of a batch, and its `importance` [B] float32, as the buffers' `sample` says.

        Raises:
            TooFewEpisodes: more are asked for than are stored, or than are recent.
        """
        stored = len(self)
        if not 1 <= num_episodes <= stored:
            raise TooFewEpisodes(f"replay buffer: {num_episodes} episodes asked for, {stored} are stored.")
        recent = min(stored, self.recent_capacity)
        if not 0 <= num_recent <= min(recent, num_episodes):
            raise TooFewEpisodes(
                f"replay buffer: {num_recent} recent episodes of {num_episodes} asked for, {recent} are recent."
            )
        importance = np.ones(num_episodes, np.float32)
        if self.alpha == 0:
            drawn = self._draw_uniformly(num_episodes - num_recent)
            return np.concatenate([drawn, self._draw_recent_uniformly(num_recent)]), importance
        count = num_episodes - num_recent
        slots, importance[:count] = draw_by_priority(self._tree, count, stored, beta, self._rng)
        if num_recent:
            newest = self.oldest_first()[-self.recent_capacity :]
            others = draw_recent_by_priority(self._tree, newest, num_recent, self._rng)
            slots = np.concatenate([slots, others])
        return slots, importance

    def _draw_uniformly(self, count: int) -> np.ndarray:
        slots = np.flatnonzero(self._stored)
        return slots[self._rng.choice(len(slots), size=count, replace=False)]

    def _draw_recent_uniformly(self, count: int) -> np.ndarray:
        if not count:  # The random numbers go on as if not asked.
            return np.zeros(0, np.int64)
        recent = self.oldest_first()[-self.recent_capacity :]
        return recent[-1 - self._rng.choice(len(recent), size=count, replace=False)]

    # State

    def get_state(self) -> dict[str, Any]:
        return {
            "stored": self._stored.copy(),
            "priorities": self._priorities.copy(),
            "next": self.next,
            "added": self.added,
            "rng": self._rng.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes over the state of an index of the same capacity."""
        slots = np.flatnonzero(state["stored"])
        self._stored[:] = False
        self._tree.set(np.arange(self.capacity), np.zeros(self.capacity))
        self.set(slots, np.asarray(state["priorities"], np.float64)[slots])
        self.next, self.added = state["next"], state["added"]
        self._rng.bit_generator.state = state["rng"]
