"""Brings the log files of several experiments to where their results belong."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pyarrow.fs
from ray.tune import Callback

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_COPIES = 30.0


class KeepResults(Callback):
    """Copies every trial's logs from Tune's staging folder to the trial's own.

    Tune itself does so for the first of several experiments only: the others would lose their result.json and
    progress.csv with the staging folder.
    """

    def __init__(self) -> None:
        self._copied: dict[str, float] = {}  # trial id -> time of the last copy

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
    ) -> None:
        if time.monotonic() - self._copied.get(trial.trial_id, 0.0) >= SECONDS_BETWEEN_COPIES:
            self._copy(trial)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        for trial in trials:
            self._copy(trial)

    def _copy(self, trial: Any) -> None:
        self._copied[trial.trial_id] = time.monotonic()
        storage = trial.storage
        if storage is None or not Path(storage.trial_driver_staging_path).is_dir():
            return  # It never began.
        filesystem = storage.storage_filesystem
        try:
            filesystem.create_dir(storage.trial_fs_path, recursive=True)
            pyarrow.fs.copy_files(
                storage.trial_driver_staging_path, storage.trial_fs_path, destination_filesystem=filesystem
            )
        except OSError as error:  # A full disk must not end the training.
            logger.warning(
                "The logs of %s could not be copied to %s: %s", trial, storage.trial_fs_path, error
            )
