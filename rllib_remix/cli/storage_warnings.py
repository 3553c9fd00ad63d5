"""Says on the screen what could not be written, while training goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune import Callback

from rllib_remix.tuning.result_logs import ResultLogs

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

    def on_checkpoint(
        self, iteration: int, trials: list[Any], trial: Any, checkpoint: Any, **info: Any
    ) -> None:
        """Tune's hook: a checkpoint is there."""
        self._saved.add(trial.trial_id)

    def on_trial_save(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook: a trial was asked to save; without a checkpoint before, it could not."""
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

    def _say_once(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said[what] = message
            self._say(f"Warning: {message}. Training goes on; the last good checkpoint stays.")


def why_not_writable(folder: Path) -> str:
    """What is wrong with a folder, as far as it can be seen from here."""
    try:
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} is not writable"
        if shutil.disk_usage(folder).free < FULL_BELOW:
            return f"the disk of {folder} is full"
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return f"see Ray's log (-v) for what is wrong with {folder}"
