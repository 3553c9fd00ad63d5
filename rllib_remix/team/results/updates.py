"""What learners tell of an update, and what an iteration's results say of its updates.

RLlib's metrics would cost a tenth of a small update: each number is an object that is filled, reduced and merged for each.
Here the numbers of an update are a dict, and are put together once an iteration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_MODULE_ID

_OF_UPDATE = "of_update"  # in what a learner's update returns, under the module
_OLD_REPORT = "episode_weights"  # of checkpoints of before: they hold the learner's metrics, and RLlib logs on what is in them


@dataclass
class UpdateReport:
    """What a learner tells of an update of one module.

    Attributes:
        numbers: by name, where "a/b" stands under "a".
        episodes: arrays of the batch's episodes, of `TeamLearner.report_episodes`; None if it was not called.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    episodes: dict[str, np.ndarray] | None = None


def add_reports(results: dict[str, Any], reports: dict[str, UpdateReport]) -> None:
    """Puts reports, by module, into what a learner's update returns."""
    for module_id, report in reports.items():
        results.setdefault(module_id, {})[_OF_UPDATE] = report


def pop_reports(results: Sequence[dict[str, Any]]) -> list[UpdateReport]:
    """Takes the reports out of what the learners' updates returned, one of each learner."""
    reports = []
    for of_learner in results:
        of_module = of_learner.setdefault(DEFAULT_MODULE_ID, {})
        of_module.pop(_OLD_REPORT, None)
        reports.append(of_module.pop(_OF_UPDATE, UpdateReport()))
    return reports


class UpdateNumbers:
    """The numbers of an iteration's updates."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, reports: Sequence[UpdateReport]) -> None:
        """Adds those of an update, one report of each learner."""
        for report in reports:
            for name, value in report.numbers.items():
                self._values.setdefault(name, []).append(value)

    def put_into(self, results: dict[str, Any]) -> None:
        """Puts in what there was since the last call: means over updates and learners, of `_min` and `_max` the extreme.

        Numbers that are NaN do not count; NaN where all are.
        """
        for name, values in self._values.items():
            *above, last = name.split("/")
            inside = results
            for each in above:
                inside = inside.setdefault(each, {})
            inside[last] = _together(name, values)
        self._values = {}


def _together(name: str, values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return math.nan
    reduce: Callable[[list[float]], Any] = {"min": min, "max": max}.get(name.rpartition("_")[2], np.mean)
    return float(reduce(known))
