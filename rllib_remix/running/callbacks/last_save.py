"""The last save of a trial: what cannot be written is tried again for a while, and what is lost then is told."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ray.tune import Callback

from rllib_remix.checkpoints.storage import DurableStorage, Patience
from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.result_keys import ENV_STEPS
from rllib_remix.running.callbacks.result_logs import ITERATION

PATIENCE_S = 30.0  # seconds after the first failure, where the environment says nothing else
PATIENCE_VARIABLE = "RLLIB_REMIX_LAST_SAVE_PATIENCE_S"


def patience_s() -> float:
    """Seconds for which a last save is tried again: RLLIB_REMIX_LAST_SAVE_PATIENCE_S, or 30.

    Raises:
        UserError: the environment says no number of seconds.
    """
    given = os.environ.get(PATIENCE_VARIABLE, "")
    try:
        seconds = float(given or PATIENCE_S)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UserError(f"{PATIENCE_VARIABLE}: {shown(given)} is not allowed; allowed: seconds, 0 or more.")
    return seconds


class PatientLastSaves(Callback):
    """A Tune callback that has every trial try its last save again and again, for `seconds` at most.

    The trial's own process tries: others go on meanwhile.

    Args:
        stopping: whether the run was asked to stop, so that the next save of every trial is its last.
        seconds: from the first failure on; None is `patience_s()`.
    """

    def __init__(self, stopping: Callable[[], bool] = lambda: False, seconds: float | None = None) -> None:
        self._stopping = stopping
        self._seconds = patience_s() if seconds is None else seconds

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
    ) -> None:
        """Tune's hook, before it asks the trial to save."""
        actor = trial.temporary_state.ray_actor
        if (result.get("done") or self._stopping()) and actor is not None:
            actor.__ray_call__.remote(be_patient, self._seconds)


def be_patient(trainable: Any, seconds: float) -> None:
    """Lets a trial's next save try again for a while; runs in the trial's process.

    Args:
        trainable: Tune's.
        seconds: from the first failure on.
    """
    if trainable._storage is not None:
        trainable._storage = DurableStorage.of(trainable._storage)
        trainable._storage.patience = Patience(seconds)


@dataclass(frozen=True)
class Lag:
    """How far a trial's newest checkpoint is behind its end."""

    saved: int  # iteration of the newest checkpoint; 0 if there is none
    iterations: int  # that are lost
    env_steps: int | None  # that are lost; None where the trial does not count them


def lag_of(trial: Any) -> Lag | None:
    """What was lost at a trial's end although it should have been saved; None if nothing was.

    Args:
        trial: Tune's, after its end.
    """
    manager = trial.run_metadata.checkpoint_manager
    asked = manager.checkpoint_config
    if not (asked.checkpoint_at_end or asked.checkpoint_frequency):
        return None
    last, newest = trial.last_result or {}, manager.latest_checkpoint_result
    if not last.get("done"):
        return None  # It was stopped without having been asked to save.
    saved = (newest.metrics if newest is not None else {}) or {}
    iterations = last.get(ITERATION, 0) - saved.get(ITERATION, 0)
    due = 1 if asked.checkpoint_at_end else asked.checkpoint_frequency
    if iterations < due:
        return None
    steps = last[ENV_STEPS] - saved.get(ENV_STEPS, 0) if ENV_STEPS in last else None
    return Lag(saved.get(ITERATION, 0), iterations, None if steps is None else int(steps))
