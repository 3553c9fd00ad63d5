"""What learners tell of an update, and what an iteration's results say of its updates.

RLlib's metrics would make, fill, reduce and merge an object for each number of each update. Here they are in a dict, and are put
together once an iteration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_MODULE_ID

_OF_UPDATE = "of_update"  # in what a learner's update returns
_OLD_REPORT = "episode_weights"  # of checkpoints of before: they hold the learner's metrics, and RLlib logs on what is in them

Name = tuple[str, ...]  # of a number in the learners' results: module, then name by name


@dataclass
class UpdateReport:
    """What a learner tells of an update.

    Attributes:
        numbers: by name.
        episodes: arrays of the batch's episodes, one dict for each call of `TeamLearner.report_episodes`.
    """

    numbers: dict[Name, float] = field(default_factory=dict)
    episodes: list[dict[str, np.ndarray]] = field(default_factory=list)


def add_report(results: dict[str, Any], report: UpdateReport) -> None:
    """Puts a report into what a learner's update returns."""
    results[_OF_UPDATE] = report


def pop_reports(results: Sequence[dict[str, Any]]) -> list[UpdateReport]:
    """Takes the reports out of what the learners' updates returned, one of each learner."""
    for of_learner in results:
        of_learner.get(DEFAULT_MODULE_ID, {}).pop(_OLD_REPORT, None)
    return [of_learner.pop(_OF_UPDATE, UpdateReport()) for of_learner in results]


class UpdateNumbers:
    """The numbers of an iteration's updates."""

    def __init__(self) -> None:
        self._values: dict[Name, list[float]] = {}

    def add(self, reports: Sequence[UpdateReport]) -> None:
        """Adds those of an update, one report of each learner."""
        for report in reports:
            for name, value in report.numbers.items():
                self._values.setdefault(name, []).append(value)

    def put_into(self, results: dict[str, Any]) -> None:
        """Puts in what there was since the last call: means over updates and learners, of `_min` and `_max` the extreme.

        Numbers that are NaN do not count. NaN where all are, and of every name that there ever was if there are none.
        """
        for name, values in self._values.items():
            *above, last = name
            inside = results
            for each in above:
                inside = inside.setdefault(each, {})
            inside[last] = _together(last, values)
            values.clear()


def _together(name: str, values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return math.nan
    reduce: Callable[[list[float]], Any] = {"min": min, "max": max}.get(name.rpartition("_")[2], np.mean)
    return float(reduce(known))
