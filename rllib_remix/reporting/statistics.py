"""Small statistics of runs and episodes, as pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Band(NamedTuple):
    """Several curves as one, on common steps."""

    steps: np.ndarray  # [K] environment steps
    mean: np.ndarray  # [K] over curves
    low: np.ndarray  # [K] least of the curves
    high: np.ndarray  # [K] greatest of the curves


def mean(values: Sequence[float] | np.ndarray) -> float:
    """The arithmetic mean; NaN of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def standard_error(values: Sequence[float] | np.ndarray) -> float:
    """Standard error of the mean, s/√n with s² = Σ(x - mean)²/(n - 1); NaN of fewer than two values."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def confidence_half_width(values: Sequence[float] | np.ndarray, level: float = 0.95) -> float:
    """Half of the confidence interval of the mean, by Student's t; NaN of fewer than two values.

    Args:
        values: independent, one per seed.
        level: in (0, 1), that the interval holds the true mean.
    """
    from scipy import stats

    if len(values) < 2:
        return float("nan")
    return float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * standard_error(values)


def final_value(values: Sequence[float] | np.ndarray, last: int = 5) -> float:
    """Mean of the last `last` evaluations (of all, if there are fewer), NaN left out; NaN of nothing."""
    if last < 1:
        raise ValueError(f"last: {last} is not allowed; it must be at least 1.")
    known = np.asarray(values, dtype=float)
    return mean(known[~np.isnan(known)][-last:])


def common_steps(curves: Sequence[tuple[np.ndarray, np.ndarray]], points: int = 200) -> np.ndarray:
    """[points] environment steps, evenly spaced over the range that all curves cover.

    Args:
        curves: (steps [T], values [T]) pairs; steps ascend.
        points: size of the grid.

    Raises:
        ValueError: if the curves have no step in common.
    """
    start = max(float(steps[0]) for steps, _ in curves)
    end = min(float(steps[-1]) for steps, _ in curves)
    if start > end:
        raise ValueError("the curves have no steps in common")
    return np.linspace(start, end, points if end > start else 1)


def band(curves: Sequence[tuple[np.ndarray, np.ndarray]], points: int = 200) -> Band:
    """Mean, least and greatest of several curves, interpolated linearly on `common_steps`.

    Args:
        curves: (steps [T], values [T]) pairs; steps ascend, values hold no NaN.
        points: size of the grid.

    Raises:
        ValueError: if the curves have no step in common.
    """
    steps = common_steps(curves, points)
    values = np.stack([np.interp(steps, x, y) for x, y in curves])
    return Band(steps, values.mean(axis=0), values.min(axis=0), values.max(axis=0))
