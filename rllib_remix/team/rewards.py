"""The rewards of batches: in which unit they are learned, and between what they lie."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch import Tensor

from rllib_remix.learning.targets import step_mask

logger = logging.getLogger("ray.rllib")

_ONCE = [1.0, 0.0, 0.0]  # the unit of checkpoints that do not say it
_LARGEST = 1e18  # whose squares float32 can hold
_MIN_SIZE = 1e-6  # of rewards that are all the same, or all 0


class Rewards:
    """Brings the rewards of every batch into the unit of learning, and keeps between what they lie.

    Done where batches are drawn and not by each learner, so that all learners have the same.

    Args:
        scale: by which rewards are multiplied, in the end.
        normalize: divides by the root mean square of all rewards in the batches so far.
        standardize: instead of that subtracts their mean, and divides by their standard deviation.
    """

    def __init__(self, scale: float = 1.0, *, normalize: bool = False, standardize: bool = False) -> None:
        self._scale, self._standardize = scale, standardize
        self._normalize = normalize and not standardize
        self._begin()

    def _begin(self) -> None:
        # All of rewards as the game gives them.
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

    @property
    def unit(self) -> float:
        """What in the game is 1 in learning, apart from a mean that is subtracted."""
        return self._divisor / self._scale

    def prepare(self, sample: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch with its rewards in the unit of learning, `reward_range` [B, 2] and `reward_unit` [B], float32.

        The range is from the least to the greatest reward so far, in the unit of learning; the unit is `unit`, NaN while
        rewards have had no size.

        One from which nothing can be learned becomes infinite or NaN, so that no update is made, and spoils no unit.
        """
        rewards, lengths = sample["rewards"], sample["lengths"]
        mask = step_mask(lengths, rewards.shape[1])
        usable = rewards.abs() < _LARGEST
        self._look(rewards[mask & usable])
        if self._normalize or self._standardize or self._scale != 1.0:
            rewards = torch.where(usable, self._in_unit(rewards), rewards * math.inf).masked_fill(~mask, 0.0)
        # A row of its own for every episode: a GPU copies from page-locked memory, which takes no row for several.
        seen = torch.tensor([self.low, self.high]).repeat(len(rewards), 1)
        unit = torch.full((len(rewards),), self.unit if self._divisor > _MIN_SIZE else math.nan)
        return sample | {"rewards": rewards, "reward_range": seen, "reward_unit": unit}

    def _look(self, rewards: Tensor) -> None:
        if not len(rewards):
            return
        self._low, self._high = min(self._low, rewards.min().item()), max(self._high, rewards.max().item())
        if self._normalize or self._standardize:
            self._add(rewards)

    def _in_unit(self, rewards: Any) -> Any:
        return (rewards - (self._mean if self._standardize else 0.0)) / self._divisor * self._scale

    @property
    def _divisor(self) -> float:
        if not self._count:
            return 1.0
        variance = self._squares / self._count
        return max(math.sqrt(variance if self._standardize else variance + self._mean**2), _MIN_SIZE)

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
        return {"unit": self._unit_settings(), **moments, "low": self._low, "high": self._high}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes back what `get_state` gave; without it begins anew, and of another unit too, which it says."""
        self._begin()
        then = [*state.get("unit", _ONCE), 0.0][: len(_ONCE)]
        if then == self._unit_settings() and "count" in state:
            self._count, self._mean, self._squares = state["count"], state["mean"], state["squares"]
            self._low, self._high = state["low"], state["high"]
        elif then != self._unit_settings():
            logger.warning(
                "The checkpoint's networks learned from rewards in another unit: %s there, %s here. Their values are rescaled "
                "if the checkpoint says in which unit they are; what a mean that is subtracted adds to them has to be learned anew.",
                _said(then),
                _said(self._unit_settings()),
            )

    def _unit_settings(self) -> list[float]:
        return [float(self._scale), float(self._standardize), float(self._normalize)]


def _said(unit: list[float]) -> str:
    scale, standardize, normalize = unit
    flags = f"standardize_rewards {bool(standardize)}, normalize_rewards {bool(normalize)}"
    return f"reward_scale {scale:g}, {flags}"
