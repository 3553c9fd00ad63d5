"""Says on the screen what could not be written, while training goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune import Callback

from rllib_remix.running.callbacks.last_save import patience_s
from rllib_remix.running.callbacks.result_logs import ResultLogs

FULL_BELOW = 2**20  # bytes of free space


class StorageWarnings(Callback):
    """A Tune callback that tells of checkpoints and logs that could not be written, once until it is mended.

    Args:
        logs: what copies the logs.
        say: shows a line.
    """

    def __init__(self, logs: ResultLogs, say: Callable[[str], None]):
        self._logs, self._say = logs, say
        self._saved: set[str] = set()  # trials whose checkpoint has just come
        self._said: dict[str, str] = {}
        self._waiting: set[str] = set()  # trials whose last checkpoint does not come

    def on_checkpoint(
        self, iteration: int, trials: list[Any], trial: Any, checkpoint: Any, **info: Any
    ) -> None:
        """Tune's hook: a checkpoint is there."""
        self._saved.add(trial.trial_id)

    def on_trial_save(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook: a trial was asked to save; without a checkpoint before, it could not."""
        if (trial.last_result or {}).get("done"):
            return  # The command tells of it at its end.
        if trial.trial_id in self._saved:
            self._saved.discard(trial.trial_id)
            self._said.pop(f"checkpoint of {trial}", None)
            return
        why = why_not_writable(Path(trial.storage.trial_fs_path))
        self._say_once(f"checkpoint of {trial}", f"a checkpoint of {trial} could not be written: {why}")

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune's hook: looks whether logs could be copied."""
        for name in [name for name in self._said if name.startswith("logs of ")]:
            if name.removeprefix("logs of ") not in self._logs.failing:
                del self._said[name]
        for trial, why in self._logs.failing.items():
            self._say_once(f"logs of {trial}", why)
        for trial in trials:
            if trial.is_saving and (trial.last_result or {}).get("done"):
                self._look_at_last_save(trial)

    def _look_at_last_save(self, trial: Any) -> None:
        obstacle = obstacle_in(Path(trial.storage.trial_fs_path))
        if obstacle is not None and str(trial) not in self._waiting:
            self._waiting.add(str(trial))
            self._say(
                f"Warning: the last checkpoint of {trial} cannot be written: {obstacle}. Trying again for {patience_s():.0f} s."
            )

    def _say_once(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said[what] = message
            self._say(f"Warning: {message}. Training goes on; the last good checkpoint stays.")


def why_not_writable(folder: Path) -> str:
    """What is wrong with a folder, as far as it can be seen from here."""
    return obstacle_in(folder) or f"see Ray's log (-v) for what is wrong with {folder}"


def obstacle_in(folder: Path) -> str | None:
    """Why nothing can be written to a folder; None if that is not seen from here."""
    if ":/" in str(folder):  # the address of an object store
        return None
    try:
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} is not writable"
        if shutil.disk_usage(folder).free < FULL_BELOW:
            return f"the disk of {folder} is full"
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return None
