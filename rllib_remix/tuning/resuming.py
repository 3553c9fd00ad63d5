"""Tune's record of a run, brought up to date before the run goes on."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow.fs
from ray._private.dict import flatten_dict
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import get_fs_and_path
from ray.tune import Checkpoint, ResumeConfig
from ray.tune.execution.experiment_state import _find_newest_experiment_checkpoint
from ray.tune.experiment import Trial

from rllib_remix.durable import remove_leftovers, write_whole
from rllib_remix.tuning.result_logs import ITERATION, RESULTS_FILE

_INDEX_DIGITS = 6  # of checkpoint_000003


def what_to_resume(storage_path: str, name: str) -> ResumeConfig | None:
    """What Tune is to do with an experiment's record, which is brought up to date; None if there is none.

    Args:
        storage_path: a folder, or the address of an object store.
        name: the experiment's folder there.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is damaged.
    """
    record = find_record(storage_path, name)
    if record is None:
        return None
    if "://" not in storage_path:
        bring_up_to_date(Path(record))
    resume: Any = ResumeConfig.ResumeType.RESUME  # declared as str by Ray
    return ResumeConfig(errored=resume)


def find_record(storage_path: str, name: str) -> str | None:
    """Tune's newest record of an experiment, or None if there is none."""
    try:
        return _find_newest_experiment_checkpoint(f"{storage_path.rstrip('/')}/{name}")
    except FileNotFoundError:
        return None


def bring_up_to_date(record: Path) -> None:
    """Points every trial of a record to its newest checkpoint, and removes what was half written.

    Tune writes its record now and then; a driver that was killed may have left one that is older than the newest
    checkpoints, or that names some which were deleted since.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is damaged.
    """
    state = json.loads(record.read_text(encoding="utf-8"))
    state["trial_data"] = [_up_to_date(*data) for data in state["trial_data"]]
    write_whole(record, json.dumps(state).encode())


def mark_unfinished(storage_path: str, name: str, trial_ids: Collection[str]) -> None:
    """Notes in the record that trials which were stopped before their end are to go on when the run is resumed.

    Args:
        storage_path, name: as for `what_to_resume`.
        trial_ids: the trials; those that had reached their stop all the same are left out.

    Raises:
        OSError: the record cannot be read or written.
        ValueError: it is damaged.
    """
    record = find_record(storage_path, name)
    if record is None:
        return
    files, _ = get_fs_and_path(storage_path)
    with files.open_input_stream(record) as stream:
        state = json.loads(stream.read())
    state["trial_data"] = [_unfinished(trial, metadata, trial_ids) for trial, metadata in state["trial_data"]]
    content = json.dumps(state).encode()
    if "://" not in storage_path:
        write_whole(Path(record), content)
        return
    with files.open_output_stream(record) as stream:
        stream.write(content)


def _unfinished(trial_state: str, metadata: str, trial_ids: Collection[str]) -> tuple[str, str]:
    trial = Trial.from_json_state(trial_state)
    trial.restore_run_metadata(metadata)
    reached = flatten_dict(trial.last_result or {})
    limits = trial.stopping_criterion.items()
    if trial.trial_id in trial_ids and not any(reached.get(key, -math.inf) >= end for key, end in limits):
        trial_state = json.dumps(json.loads(trial_state) | {"status": Trial.PENDING})
    return trial_state, metadata


def _up_to_date(trial_state: str, metadata: str) -> tuple[str, str]:
    trial = Trial.from_json_state(trial_state)
    trial.restore_run_metadata(metadata)
    assert trial.storage is not None
    folder = Path(trial.storage.trial_fs_path)
    remove_leftovers(folder)
    checkpoints = sorted(path for path in folder.glob("checkpoint_*") if path.is_dir())
    _take_over(trial.run_metadata.checkpoint_manager, folder, checkpoints)
    newest = int(checkpoints[-1].name[-_INDEX_DIGITS:]) if checkpoints else -1
    trial.storage.current_checkpoint_index = newest
    trial.invalidate_json_state()
    trial.run_metadata.invalidate_cache()
    return trial.get_json_state()


def _take_over(manager: Any, folder: Path, checkpoints: list[Path]) -> None:
    """Makes Tune's record of a trial's checkpoints equal to what is there, oldest or worst first as Tune has it."""
    known = {_place(result): result for result in manager._checkpoint_results}
    results = [known.get(path) or _result(folder, path) for path in checkpoints]
    latest = manager._latest_checkpoint_result
    if latest is None or _place(latest).parent == folder or not _place(latest).is_dir():
        # Otherwise the trial was about to go on with the checkpoint of another, as population based training has it.
        manager._latest_checkpoint_result = results[-1] if results else None
    if manager.checkpoint_config.checkpoint_score_attribute is not None:
        results.sort(key=manager._get_checkpoint_score)
    manager._checkpoint_results = results


def _place(result: _TrainingResult) -> Path:
    assert result.checkpoint is not None
    return Path(result.checkpoint.path)


def _result(folder: Path, checkpoint: Path) -> _TrainingResult:
    """A checkpoint that the record does not know, with the results of its iteration."""
    with open(checkpoint / "algorithm_state.pkl", "rb") as file:
        iteration = pickle.load(file)[ITERATION]
    return _TrainingResult(
        checkpoint=Checkpoint(str(checkpoint), pyarrow.fs.LocalFileSystem()),
        metrics=_results_at(folder / RESULTS_FILE, iteration) or {ITERATION: iteration},
    )


def _results_at(results: Path, iteration: int) -> dict[str, Any] | None:
    if not results.is_file():
        return None
    for line in reversed(results.read_text(encoding="utf-8").splitlines()):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row.get(ITERATION) == iteration:
            return row
    return None
