"""The rewards of batches: in which unit they are learned, and between what they lie."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from rllib_remix.learning.targets import step_mask

_MIN_STD = 1e-6  # of rewards that are all the same


class Rewards:
    """Brings the rewards of every batch into the unit of learning, and keeps the range that they had there.

    Done where batches are drawn and not by each learner, so that all learners have the same.

    Args:
        scale: by which rewards are multiplied.
        standardize: subtracts the mean, and divides by the standard deviation, of all rewards in the batches so far.

    Attributes:
        low, high: the range of all rewards so far, in the unit of learning.
    """

    def __init__(self, scale: float = 1.0, *, standardize: bool = False) -> None:
        self._scale, self._standardize = scale, standardize
        self._count, self._mean, self._squares = 0.0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf

    def prepare(self, sample: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch with its rewards in the unit of learning, and `reward_range` [B, 2] float32."""
        rewards, lengths = sample["rewards"], sample["lengths"]
        mask = step_mask(lengths, rewards.shape[1])
        rewards = rewards * self._scale if self._scale != 1.0 else rewards
        if self._standardize:
            self._add(rewards[mask])
            deviation = max(math.sqrt(self._squares / self._count), _MIN_STD)
            rewards = ((rewards - self._mean) / deviation).masked_fill(~mask, 0.0)
        real = rewards[mask]
        self.low, self.high = min(self.low, real.min().item()), max(self.high, real.max().item())
        seen = torch.tensor([self.low, self.high]).expand(len(rewards), 2)
        return sample | {"rewards": rewards, "reward_range": seen}

    def _add(self, rewards: Tensor) -> None:
        """Merges the moments of two sets of numbers (Chan, Golub and LeVeque 1979)."""
        count, mean = len(rewards), rewards.double().mean().item()
        squares = ((rewards.double() - mean) ** 2).sum().item()
        total, distance = self._count + count, mean - self._mean
        self._squares += squares + distance**2 * self._count * count / total
        self._mean += distance * count / total
        self._count = total

    def get_state(self) -> dict[str, float]:
        """For a checkpoint."""
        return {
            "count": self._count,
            "mean": self._mean,
            "squares": self._squares,
            "low": self.low,
            "high": self.high,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes back what `get_state` gave; without it, begins anew."""
        self._count, self._mean = state.get("count", 0.0), state.get("mean", 0.0)
        self._squares = state.get("squares", 0.0)
        self.low, self.high = state.get("low", math.inf), state.get("high", -math.inf)
