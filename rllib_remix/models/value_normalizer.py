"""Running mean and deviation of returns: the unit in which a critic's network computes."""

from __future__ import annotations

import torch
from torch import Tensor

from rllib_remix.models.normalizer import RunningNormalizer


class ValueNormalizer(RunningNormalizer):
    """Between values in the unit of rewards, and what a critic's network says: (V - mean) / deviation, without limits.

    Mean and deviation are those of all returns so far; before the first `update` they are 0 and 1. While returns have
    never varied the deviation counts as 1. When they change, what the network says means other values: its weights are not
    rescaled against that (Pop-Art would do it, van Hasselt et al. 2016), as in ValueNorm of Yu et al. 2022. When the unit of
    the rewards changes, they mean the same values in the new one (`rescale`).
    """

    def __init__(self) -> None:
        super().__init__(1)

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """Multiplies all values by a factor, while what the network says stays."""
        self.mean.mul_(factor)
        self.variance.mul_(factor**2)

    def normalized(self, values: Tensor) -> Tensor:
        """Values [...] float32 in the network's unit."""
        return (values - self.mean) / self._deviation()

    def values(self, outputs: Tensor) -> Tensor:
        """What the network says, [...] float32, in the unit of rewards."""
        return outputs * self._deviation() + self.mean

    def _deviation(self) -> Tensor:
        return torch.where(self.varies(), self.variance.sqrt(), 1.0)
