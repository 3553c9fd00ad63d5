"""Tells of updates that were not finite, and ends trials that always fail by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import LEARNER_RESULTS
from ray.tune import Callback

from rllib_remix.team.nonfinite import ADVICE, NONFINITE_UPDATES, NotFiniteError


class NonFiniteFailures(Callback):
    """A Tune callback that warns at a trial's first update that was not finite, and limits how often it starts again.

    A trial that goes on from a checkpoint computes much the same again. So one that fails by numbers that are not
    finite starts again once, and then only if a newer checkpoint has come since: even where `max_failures` is endless.

    Args:
        say: shows a line.
    """

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._told: set[str] = set()
        self._max_failures: dict[str, int] = {}  # what the user asked for, of trials that have one try left

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Tune's hook: a result is there."""
        learner = result.get(LEARNER_RESULTS, {}).get(DEFAULT_MODULE_ID, {})
        if learner.get(NONFINITE_UPDATES) and trial.trial_id not in self._told:
            self._told.add(trial.trial_id)
            self._say(
                f"Warning: {trial}: an update was not made, since its loss or gradient is not finite. The networks stay as "
                f"they were, and training goes on. {ADVICE}"
            )

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook: a trial has failed and will start again."""
        if NotFiniteError.__name__ in latest_error(trial):
            self._max_failures.setdefault(trial.trial_id, trial.max_failures)
            trial.max_failures = trial.num_failures

    def on_checkpoint(
        self, iteration: int, trials: list[Any], trial: Any, checkpoint: Any, **info: Any
    ) -> None:
        """Tune's hook: a checkpoint is there."""
        if trial.trial_id in self._max_failures:
            trial.max_failures = self._max_failures.pop(trial.trial_id)


def latest_error(trial: Any) -> str:
    """What the trial failed by last, with its traceback; the file has all its failures, one after the other."""
    try:
        text = Path(trial.error_file).read_text(encoding="utf-8")
    except (OSError, TypeError):  # No file, or None for its name.
        return ""
    return text.rpartition("Failure # ")[2]
