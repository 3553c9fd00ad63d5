"""Brings the logs of trials to their results as they are written, and keeps them true when a trial starts again."""

from __future__ import annotations

import csv
import filecmp
import io
import json
import logging
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow.fs
from ray.tune import Callback
from ray.tune.logger import CSVLoggerCallback

from rllib_remix.files.durable import write_whole

logger = logging.getLogger("ray.rllib")

SECONDS_BETWEEN_UPLOADS = 30.0  # to object stores, where files can only be written whole
RESULTS_FILE = "result.json"
TABLE_FILE = "progress.csv"
ITERATION = "training_iteration"


class ResultLogs(Callback):
    """Copies what the loggers write in Tune's staging folder to the trial's own, after every result.

    Tune itself copies now and then, and for the first of several experiments only. When a trial starts again from
    a checkpoint, rows that came after it are removed: they tell of work that is done again.
    """

    def __init__(self) -> None:
        self._changed: dict[str, Any] = {}  # trial id → trial with rows that were not copied
        self._uploaded: dict[str, float] = {}  # trial id → time
        self.failing: dict[str, str] = {}  # trial name → why its logs could not be written lately

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook, before the loggers open their files."""
        if not _is_local(trial):
            return
        iteration_to_start_from = _iteration_to_start_from(trial)
        for folder in (trial.storage.trial_fs_path, trial.storage.trial_driver_staging_path):
            try:
                rewind(Path(folder), iteration_to_start_from)
            except (OSError, ValueError, csv.Error) as error:
                self.failing[str(trial)] = f"the logs in {folder} could not be rewound: {error}"

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
    ) -> None:
        """Tune's hook, before the loggers write."""
        self._changed[trial.trial_id] = trial

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune's hook, after the loggers wrote."""
        for trial in list(self._changed.values()):
            if _is_local(trial) or self._upload_is_due(trial):
                self._copy(trial)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Tune's hook."""
        for trial in trials:
            self._copy(trial)

    def _upload_is_due(self, trial: Any) -> bool:
        now = time.monotonic()
        due = now - self._uploaded.get(trial.trial_id, -SECONDS_BETWEEN_UPLOADS) >= SECONDS_BETWEEN_UPLOADS
        if due:
            self._uploaded[trial.trial_id] = now
        return due

    def _copy(self, trial: Any) -> None:
        storage = trial.storage
        if storage is None or not Path(storage.trial_driver_staging_path).is_dir():
            return  # It never began.
        source, target = Path(storage.trial_driver_staging_path), storage.trial_fs_path
        try:
            if _is_local(trial):
                append_what_is_new(source, Path(target))
            else:
                storage.storage_filesystem.create_dir(target, recursive=True)
                pyarrow.fs.copy_files(str(source), target, destination_filesystem=storage.storage_filesystem)
        except OSError as error:  # A full disk must not end the training; what is missing is copied later.
            self.failing[str(trial)] = f"the logs in {target} could not be written: {error}"
            return
        self.failing.pop(str(trial), None)
        self._changed.pop(trial.trial_id, None)


class TableLogger(CSVLoggerCallback):
    """Tune's CSV logger, but a trial that starts again goes on with the columns that the file has."""

    def log_trial_start(self, trial: Any) -> None:
        """Tune's hook; the file may have been rewound since it was opened."""
        self._setup_trial(trial)

    def _setup_trial(self, trial: Any) -> None:
        super()._setup_trial(trial)
        if self._trial_continue[trial]:
            with open(Path(trial.local_path, TABLE_FILE), encoding="utf-8", newline="") as file:
                columns = next(csv.reader(file))
            self._trial_csv[trial] = csv.DictWriter(self._trial_files[trial], columns, extrasaction="ignore")


def append_what_is_new(source: Path, target: Path) -> None:
    """Makes every file in `target` equal to that in `source`; of a file that grew, only the new part is written.

    Raises:
        OSError: no room, or no permission.
    """
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if not file.is_file():
            continue
        copy = target / file.name
        size, copied = file.stat().st_size, copy.stat().st_size if copy.exists() else 0
        if file.name in (RESULTS_FILE, TABLE_FILE) or file.name.startswith("events.out."):
            if size > copied:
                with open(file, "rb") as grown, open(copy, "ab") as behind:
                    grown.seek(copied)
                    shutil.copyfileobj(grown, behind)
        elif not (
            copy.exists() and filecmp.cmp(file, copy, shallow=False)
        ):  # Times tell nothing: clocks are set back.
            write_whole(copy, file.read_bytes())


def rewind(folder: Path, iteration: float) -> None:
    """Removes the rows of a trial's logs that came after an iteration, and a last row that was cut off.

    Raises:
        OSError: a file cannot be read or written.
        ValueError, csv.Error: one is damaged.
    """
    results, table = folder / RESULTS_FILE, folder / TABLE_FILE
    if results.is_file():
        _replace_if_shorter(results, _rows_until(results.read_text(encoding="utf-8"), iteration))
    if table.is_file():
        _replace_if_shorter(table, _table_until(table.read_text(encoding="utf-8"), iteration))


def _iteration_to_start_from(trial: Any) -> float:
    """The last iteration whose row stays; all stay if the trial goes on with the checkpoint of another one."""
    checkpoint = trial.run_metadata.checkpoint_manager.latest_checkpoint_result
    if checkpoint is None:
        return 0
    if Path(checkpoint.checkpoint.path).parent != Path(trial.storage.trial_fs_path):
        return float("inf")
    return checkpoint.metrics.get(ITERATION, float("inf"))


def _is_local(trial: Any) -> bool:
    return isinstance(trial.storage.storage_filesystem, pyarrow.fs.LocalFileSystem)


def _rows_until(text: str, iteration: float) -> str:
    kept = []
    for line in text.splitlines(keepends=True):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if line.endswith("\n") and row.get(ITERATION, 0) <= iteration:
            kept.append(line)
    return "".join(kept)


def _table_until(text: str, iteration: float) -> str:
    whole = text[: text.rfind("\n") + 1]  # without a last row that was cut off
    header, *rows = [*csv.reader(io.StringIO(whole))] or [[]]
    if ITERATION not in header:
        return ""  # Nothing was written yet.
    place = header.index(ITERATION)
    kept = [row for row in rows if len(row) == len(header) and float(row[place] or 0) <= iteration]
    if not kept:
        return ""  # The logger then writes a header of its own.
    written = io.StringIO()
    csv.writer(written).writerows([header, *kept])
    return written.getvalue()


def _replace_if_shorter(file: Path, text: str) -> None:
    content = text.encode()
    if len(content) == file.stat().st_size:
        return
    if content:
        write_whole(file, content)
    else:
        file.unlink()
