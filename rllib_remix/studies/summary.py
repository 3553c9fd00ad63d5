"""What a study's runs come to, algorithm by algorithm: final value, area, time to learn, comparisons, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rllib_remix.reporting.statistics import (
    area_under_curve,
    bootstrap_interval,
    final_value,
    interquartile_mean,
    probability_of_improvement,
    steps_to,
)
from rllib_remix.studies.raw import Run
from rllib_remix.studies.study import Study

LAST = 5  # evaluations whose mean is the final value


@dataclass(frozen=True)
class Estimate:
    """An interquartile mean over seeds with its 95 % bootstrap interval, or another statistic with its own."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """An algorithm in a panel."""

    panel: str
    algorithm: str
    seeds: int  # that are finished
    unfinished: int
    finals: tuple[float, ...]  # seed by seed
    final: Estimate
    area: Estimate  # mean value over all env steps
    steps: tuple[float, ...]  # to the panel's threshold, seed by seed; infinite where it was not reached
    better: Estimate | None  # probability that the reference's final value is above a run's; None for itself


def rows_of(study: Study, runs: Sequence[Run]) -> list[Row]:
    """A row for every algorithm that has a finished run, panel by panel."""
    rows = []
    for panel in study.panels:
        finals = {name: _finals(_finished(runs, panel, name)) for name in study.algorithms}
        for algorithm in study.algorithms:
            own = _finished(runs, panel, algorithm)
            if not own:
                continue
            against = finals.get(study.reference or "", np.array([]))
            compared = study.reference not in (None, algorithm) and len(against) > 0
            threshold = study.panels[panel].threshold
            rows.append(
                Row(
                    panel=panel,
                    algorithm=algorithm,
                    seeds=len(own),
                    unfinished=len(_of(runs, panel, algorithm)) - len(own),
                    finals=tuple(finals[algorithm]),
                    final=_estimate(finals[algorithm]),
                    area=_estimate([area_under_curve(run.steps, run.values, run.goal) for run in own]),
                    steps=()
                    if threshold is None
                    else tuple(steps_to(run.steps, run.values, threshold) for run in own),
                    better=_improvement(against, finals[algorithm]) if compared else None,
                )
            )
    return rows


def _of(runs: Sequence[Run], panel: str, algorithm: str) -> list[Run]:
    ours = [run for run in runs if (run.panel, run.algorithm) == (panel, algorithm)]
    return sorted(ours, key=lambda run: run.seed)


def _finished(runs: Sequence[Run], panel: str, algorithm: str) -> list[Run]:
    return [run for run in _of(runs, panel, algorithm) if run.is_finished]


def _finals(runs: Sequence[Run]) -> np.ndarray:
    return np.array([final_value(run.values, LAST) for run in runs])


def _estimate(values: Sequence[float] | np.ndarray) -> Estimate:
    array = np.asarray(values, float)
    low, high = bootstrap_interval([array], interquartile_mean)
    return Estimate(interquartile_mean(array), low, high)


def _improvement(reference: np.ndarray, other: np.ndarray) -> Estimate:
    low, high = bootstrap_interval([reference, other], probability_of_improvement)
    return Estimate(probability_of_improvement(reference, other), low, high)
