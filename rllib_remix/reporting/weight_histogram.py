"""How the loss weights of many env steps are spread: a histogram with fixed logarithmic bins, and quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

QUANTILES = 101  # 0 %, 1 %, … 100 %


def histogram_edges(low: float, high: float, bins: int) -> np.ndarray:
    """[bins + 1] float32: edges from low to high, evenly spaced on a logarithmic axis.

    They are float32 as the weights are, so that a weight of 0.1 lies in the bin that begins at 0.1.
    """
    return np.geomspace(low, high, bins + 1).astype(np.float32)


class WeightHistogram:
    """Counts the weights of all updates of an iteration.

    Args:
        low, high: range of the bins, above 0.
        bins: how many.
    """

    def __init__(self, low: float, high: float, bins: int):
        self._edges = histogram_edges(low, high, bins)
        self._latest: list[np.ndarray] = []
        self.reset()

    def reset(self) -> None:
        """Begins a new iteration."""
        self._counts = np.zeros(len(self._edges) + 1, np.int64)

    def add(self, weights: Sequence[np.ndarray]) -> None:
        """Counts one update.

        Args:
            weights: per learner the weights [N] float32 of the real steps that it held.
        """
        self._latest = list(weights)
        for part in weights:
            found = np.searchsorted(self._edges, part, side="right")
            self._counts += np.bincount(found, minlength=len(self._counts))

    @property
    def counts(self) -> tuple[int, ...]:
        """Env steps with a weight below `low` (0 included), in each bin (lower edge included), and from `high` on."""
        return tuple(self._counts.tolist())

    def quantiles(self) -> list[float] | float:
        """The weights of the latest update at 0 %, 1 %, … 100 %; NaN if there was none yet."""
        if not any(map(len, self._latest)):
            return math.nan
        weights = np.concatenate(self._latest)
        return np.quantile(weights, np.linspace(0, 1, QUANTILES)).tolist()
