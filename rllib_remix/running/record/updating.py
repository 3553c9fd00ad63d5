"""Tune's record of a run, brought up to date before the run goes on."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyarrow.fs
from ray.train._internal.session import _TrainingResult
from ray.tune import Callback, Checkpoint, ResumeConfig
from ray.tune.experiment import Trial

from rllib_remix.checkpoints.manifest import MANIFEST, METADATA, check_files
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.files.durable import remove_leftovers, write_whole
from rllib_remix.running.callbacks.last_save import lag_of
from rllib_remix.running.callbacks.result_logs import ITERATION, RESULTS_FILE
from rllib_remix.running.record.first_settings import keep_first_settings
from rllib_remix.running.record.newest import find_record, note_beginning, put_last

logger = logging.getLogger("ray.rllib")

_INDEX_DIGITS = 6  # of checkpoint_000003


def what_to_resume(
    storage_path: str, name: str, say: Callable[[str], object] = logger.warning
) -> ResumeConfig | None:
    """What Tune is to do with an experiment's record, which is brought up to date; None if there is none.

    Args:
        storage_path: a folder, or the address of an object store.
        name: the experiment's folder there.
        say: told of checkpoints that are damaged.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is damaged.
    """
    record = find_record(storage_path, name)
    if record is None:
        note_beginning(storage_path, name)
        return None
    record = put_last(record, storage_path, name)
    note_beginning(storage_path, name, resumed=record)
    if "://" not in storage_path:
        if not _trials(Path(record)):
            return None
        bring_up_to_date(Path(record), say)
    resume: Any = ResumeConfig.ResumeType.RESUME  # declared as str by Ray
    return ResumeConfig(errored=resume)


def has_unfinished(folder: Path) -> bool:
    """Whether the newest run in an experiment's local folder has trials that did not reach their end."""
    record = find_record(str(folder.parent), folder.name) if folder.is_dir() else None
    if record is None:
        return False
    try:
        return any(trial["status"] != Trial.TERMINATED for trial in _trials(Path(record)))
    except (OSError, ValueError):
        return False


def standing(record: Path) -> tuple[int, int]:
    """How many trials of a record reached their end, and how many there are. Raises OSError, ValueError."""
    trials = _trials(record)
    return sum(trial["status"] == Trial.TERMINATED for trial in trials), len(trials)


class CannotGoOn(ValueError):
    """Tune would begin a run anew instead of going on with it."""


class HasGoneOn(Callback):
    """A Tune callback that raises CannotGoOn if Tune began a run anew, which it does silently if it cannot go on.

    Args:
        record: Tune's file; local.
    """

    def __init__(self, record: Path) -> None:
        self._trial_ids = {trial["trial_id"] for trial in _trials(record)}

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Tune's hook."""
        if not self._trial_ids <= {trial.trial_id for trial in trials}:
            raise CannotGoOn("Tune cannot restore what belongs to it; its own message, with -v, says why")


def _trials(record: Path) -> list[dict[str, Any]]:
    """What a record says of every trial. Raises OSError, ValueError."""
    try:
        state = json.loads(record.read_text(encoding="utf-8"))
        return [json.loads(trial) for trial, _ in state["trial_data"]]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it lacks {error}") from error


def bring_up_to_date(record: Path, say: Callable[[str], object] = logger.warning) -> None:
    """Points every trial of a record to its newest checkpoint that is whole, and removes what was half written.

    Tune writes its record now and then; a driver that was killed may have left one that is older than the newest
    checkpoints, or that names some which were deleted since. The run's folder may have been moved.

    Args:
        record: Tune's file in the folder of the run's first experiment.
        say: told of checkpoints that are damaged.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is damaged, or the checkpoints that it names are gone.
    """
    state = json.loads(record.read_text(encoding="utf-8"))
    results = record.parent.parent
    state["trial_data"] = [_up_to_date(trial, runs, results, say) for trial, runs in state["trial_data"]]
    write_whole(record, json.dumps(state).encode())


def _up_to_date(
    trial_state: str, metadata: str, results: Path, say: Callable[[str], object]
) -> tuple[str, str]:
    trial = Trial.from_json_state(trial_state)
    trial.restore_run_metadata(metadata)
    if trial.status == Trial.TERMINATED and ITERATION not in (trial.run_metadata.last_result or {}):
        trial.set_status(Trial.PENDING)  # Earlier versions ended those that waited when a run was stopped.
    storage: Any = copy.copy(trial.storage)
    storage.storage_fs_path = str(results)
    trial.set_storage(storage)
    folder = Path(storage.trial_fs_path)
    remove_leftovers(folder)
    there = _whole_folders(folder)
    manager = cast(Any, trial.run_metadata.checkpoint_manager)
    if (
        not there
        and manager._latest_checkpoint_result
        and _place(manager._latest_checkpoint_result).parent == folder
    ):
        raise ValueError(f"none of the checkpoints that it names is in {str(folder)!r} any more")
    _take_over(manager, folder, whole := _without_damaged_newest(there, say))
    if whole:
        keep_first_settings(trial.trainable_name, trial.config, whole[-1], say)
    storage.current_checkpoint_index = int(there[-1].name[-_INDEX_DIGITS:]) if there else -1
    if trial.status == Trial.TERMINATED and lag_of(trial) is not None:
        trial.set_status(Trial.PENDING)  # Its end could not be saved, or was damaged since.
    trial.invalidate_json_state()
    trial.run_metadata.invalidate_cache()
    return trial.get_json_state()


def _whole_folders(trial: Path) -> list[Path]:
    """The trial's checkpoints, oldest first, after removing those that were half removed when the driver was killed."""
    there = sorted(path for path in trial.glob("checkpoint_*") if path.is_dir())
    whole = [path for path in there if (path / MANIFEST).is_file()]
    if not whole:  # RLlib's own algorithms write no list of files.
        return there
    for path in set(there) - set(whole):
        shutil.rmtree(path, ignore_errors=True)
    return whole


def _without_damaged_newest(checkpoints: list[Path], say: Callable[[str], object]) -> list[Path]:
    """The checkpoints up to the newest that is whole, as far as this can be told; all if none is."""
    for number in range(len(checkpoints), 0, -1):
        try:
            if (checkpoints[number - 1] / MANIFEST).is_file():  # RLlib's own algorithms write none.
                check_files(checkpoints[number - 1])
            return checkpoints[:number]
        except CheckpointError as error:
            say(str(error))
    return checkpoints


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
    iteration = _iteration(checkpoint)
    return _TrainingResult(
        checkpoint=Checkpoint(str(checkpoint), pyarrow.fs.LocalFileSystem()),
        metrics=_results_at(folder / RESULTS_FILE, iteration) or {ITERATION: iteration},
    )


def _iteration(checkpoint: Path) -> int:
    """At which iteration a checkpoint was saved: ours say it, of RLlib's own algorithms the state is unpickled."""
    try:
        said = json.loads((checkpoint / METADATA).read_text(encoding="utf-8")).get(ITERATION)
        if said is not None:
            return int(said)
        return int(pickle.loads((checkpoint / "algorithm_state.pkl").read_bytes())[ITERATION])
    except (ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"checkpoint {str(checkpoint)!r} cannot be read: {error!r}") from error


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
