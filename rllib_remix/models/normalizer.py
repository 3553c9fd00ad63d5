"""Running mean and variance of observations or states, by which networks normalise what they see."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, distributed, nn

LIMIT = 10.0  # of what comes out, in standard deviations; Stable-Baselines3's VecNormalize has it too

_CHUNK_BYTES = 2**26  # of float64 that one part of a batch takes
_LARGEST = torch.finfo(torch.float32).max


def normalizes(networks: Mapping[str, Any], image_shape: tuple[int, ...]) -> bool:
    """Whether observations and the state are normalised.

    Args:
        networks: as a config's `networks()` or a checkpoint has them; one that does not say it is older, and does not.
        image_shape: of observations that convolutions encode, () if there are none.
    """
    chosen = networks.get("normalize_observations", False)
    return not image_shape if chosen is None else bool(chosen)


class RunningNormalizer(nn.Module):
    """(x - mean) / √variance of every entry, within ±LIMIT; entries that have never varied become 0.

    Mean and variance are over all rows that `update` has been given. They are buffers: they travel with the weights to
    env runners and into checkpoints, and stay as they are wherever nothing calls `update`. Before the first update x stays
    as it is, within the limits.

    Args:
        size: S, entries of a row.
    """

    mean: Tensor  # [S] float32
    variance: Tensor  # [S] float32, of the population
    count: Tensor  # [1] float32, rows so far

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, rows: Tensor) -> Tensor:
        """[..., S] of any real dtype → the same shape, float32."""
        scale = torch.where(self.varies(), self.variance.rsqrt(), 0.0)
        return ((rows.float() - self.mean) * scale).clamp_(-LIMIT, LIMIT)

    def varies(self) -> Tensor:
        """[S] bool, whether an entry has varied by more than float32 can tell from a constant, and by 1e-8 about 0."""
        return self.variance > 1e-12 * self.mean.square() + 1e-16

    @torch.no_grad()
    def update(self, rows: Tensor) -> None:
        """Takes in [R, S]; where several learners call this together, all take in the rows of all.

        Counts, means and sums of squares are merged pairwise (Chan, Golub and LeVeque 1979), in float64.
        """
        size = max(1, _CHUNK_BYTES // (8 * rows.shape[1]))
        seen = self.count.double(), self.mean.double(), self.variance.double() * self.count.double()
        new = torch.zeros_like(seen[0]), torch.zeros_like(seen[1]), torch.zeros_like(seen[2])
        for chunk in rows.split(size):
            new = _merged(new, _summed(chunk.double()))
        for part in _of_all_learners(new):
            seen = _merged(seen, part)
        count, mean, squares = seen
        self.count.copy_(count)
        self.mean.copy_(mean)
        self.variance.copy_((squares / count.clamp(min=1)).clamp(max=_LARGEST))


@torch.no_grad()
def moments(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count [1], mean [S] and variance [S] of rows [R, S], in float64; 0 if there are none.

    Where several learners call this together, they are of the rows of all, and the same for all.
    """
    count, mean, squares = functools.reduce(_merged, _of_all_learners(_summed(rows.double())))
    return count, mean, squares / count.clamp(min=1)


_Sums = tuple[Tensor, Tensor, Tensor]  # count [1], mean [S], sum of squares about it [S]; float64


def _summed(rows: Tensor) -> _Sums:
    if not len(rows):
        zeros = rows.new_zeros(rows.shape[1])
        return rows.new_zeros(1), zeros, zeros
    mean = rows.mean(0)
    return rows.new_full((1,), len(rows)), mean, (rows - mean).square().sum(0)


def _merged(one: _Sums, other: _Sums) -> _Sums:
    count = one[0] + other[0]
    # Where there are no rows at all, 0 of 1: asking whether there are some would make the CPU wait for a GPU.
    difference, share = other[1] - one[1], other[0] / count.clamp(min=1)
    return count, one[1] + difference * share, one[2] + other[2] + difference.square() * one[0] * share


def _of_all_learners(sums: _Sums) -> list[_Sums]:
    """The sums of every learner, in the same order everywhere, so that all come to the same numbers."""
    if not distributed.is_available() or not distributed.is_initialized():
        return [sums]
    own = torch.cat(sums)
    gathered = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(gathered, own)
    size = len(sums[1])
    return [(each[:1], each[1 : 1 + size], each[1 + size :]) for each in gathered]
