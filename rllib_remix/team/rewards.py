"""The rewards of batches: in which unit they are learned, and between what they lie."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from rllib_remix.learning.targets import step_mask

_LARGEST = 1e19  # of whose squares float32 can hold; learners refuse others
_MIN_SIZE = 1e-6  # of rewards that are all the same, or all 0


class Rewards:
    """Brings the rewards of every batch into the unit of learning, and keeps between what they lie.

    Done where batches are drawn and not by each learner, so that all learners have the same.

    Args:
        scale: by which rewards are multiplied.
        normalize: divides by the root mean square of all rewards in the batches so far.
        standardize: instead of that subtracts their mean, and divides by their standard deviation.
    """

    def __init__(self, scale: float = 1.0, *, normalize: bool = False, standardize: bool = False) -> None:
        self._scale, self._normalize, self._standardize = scale, normalize, standardize
        self._begin()

    def _begin(self) -> None:
        # All of scaled rewards, before they are normalized.
        self._count, self._mean, self._squares = 0.0, 0.0, 0.0
        self._low, self._high = math.inf, -math.inf

    @property
    def low(self) -> float:
        """The least reward so far, in the unit of learning of now."""
        return self._in_unit(self._low)

    @property
    def high(self) -> float:
        """The greatest reward so far, in the unit of learning of now."""
        return self._in_unit(self._high)

    def prepare(self, sample: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch with its rewards in the unit of learning, and `reward_range` [B, 2] float32, least and greatest."""
        rewards, lengths = sample["rewards"], sample["lengths"]
        mask = step_mask(lengths, rewards.shape[1])
        rewards = rewards * self._scale if self._scale != 1.0 else rewards
        self._look(rewards[mask])
        if self._normalize or self._standardize:
            rewards = self._in_unit(rewards).masked_fill(~mask, 0.0)
        seen = torch.tensor([self.low, self.high]).expand(len(rewards), 2)
        return sample | {"rewards": rewards, "reward_range": seen}

    def _look(self, rewards: Tensor) -> None:
        """Takes in those that can be learned from, so that one that is not finite spoils nothing."""
        usable = rewards[rewards.abs() < _LARGEST]
        if not len(usable):
            return
        self._low, self._high = min(self._low, usable.min().item()), max(self._high, usable.max().item())
        if self._normalize or self._standardize:
            self._add(usable)

    def _in_unit(self, rewards: Any) -> Any:
        if not self._count:
            return rewards
        variance = self._squares / self._count
        if self._standardize:
            return (rewards - self._mean) / max(math.sqrt(variance), _MIN_SIZE)
        return rewards / max(math.sqrt(variance + self._mean**2), _MIN_SIZE)

    def _add(self, rewards: Tensor) -> None:
        """Merges the moments of two sets of numbers (Chan, Golub and LeVeque 1979)."""
        count, mean = len(rewards), rewards.double().mean().item()
        squares = ((rewards.double() - mean) ** 2).sum().item()
        total, distance = self._count + count, mean - self._mean
        self._squares += squares + distance**2 * self._count * count / total
        self._mean += distance * count / total
        self._count = total

    def get_state(self) -> dict[str, Any]:
        """For a checkpoint."""
        moments = {"count": self._count, "mean": self._mean, "squares": self._squares}
        return {"unit": self._unit(), **moments, "low": self._low, "high": self._high}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes back what `get_state` gave; without it, or of another unit, begins anew."""
        self._begin()
        if state.get("unit") == self._unit():
            self._count, self._mean, self._squares = state["count"], state["mean"], state["squares"]
            self._low, self._high = state["low"], state["high"]

    def _unit(self) -> list[float]:
        return [float(self._scale), float(self._standardize), *([1.0] if self._normalizes_alone else [])]

    @property
    def _normalizes_alone(self) -> bool:
        return self._normalize and not self._standardize
