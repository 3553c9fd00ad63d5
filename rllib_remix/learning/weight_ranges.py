"""What becomes of raw weights: limits and normalisations, of which the papers leave the choice open."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rllib_remix.learning.loss import masked_mean


def clip_range(raw: Tensor, mask: Tensor, min_weight: float) -> Tensor:
    """[B, T] raw weights limited to [min_weight, 1]."""
    return raw.clamp(min_weight, 1.0)


def minmax_range(raw: Tensor, mask: Tensor, min_weight: float) -> Tensor:
    """[B, T] raw weights mapped linearly, so that the real steps' least is min_weight and their largest 1.

    With two or more learners each maps the part of the batch that it holds. If all are equal there is nothing
    to tell apart: all are 1, or min_weight if the raw weights are 0.
    """
    least = raw.masked_fill(~mask, torch.inf).amin()
    span = raw.masked_fill(~mask, -torch.inf).amax() - least
    scaled = min_weight + (1.0 - min_weight) * ((raw - least) / span)
    return torch.where(span > 0, scaled, torch.where(raw > 0, 1.0, min_weight))


def mean_one(weights: Tensor, mask: Tensor) -> Tensor:
    """[B, T] weights divided by their mean over real steps, E[w] = 1; unchanged if all are 0.

    With two or more learners the mean is over the part of the batch that each holds.
    """
    mean = masked_mean(weights, mask)
    return torch.where(mean > 0, weights / mean, weights)


RANGE_MAPS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "clip": clip_range,
    "minmax": minmax_range,
}
NORMALIZATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "none": lambda weights, mask: weights,
    "mean": mean_one,
}
