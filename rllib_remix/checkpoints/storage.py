"""Where Tune puts checkpoints: each is written aside and renamed, and one that cannot be written ends nothing."""

from __future__ import annotations

import copy
import errno
import logging
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow.fs
from ray.train._internal.storage import StorageContext

from rllib_remix.files.durable import new_folder_aside, put_in_place, remove_left_folders, write_whole

logger = logging.getLogger("ray.rllib")

PAUSE_S = 1.0  # seconds between two tries to write
_STATE_FOLDER = "driver_artifacts"  # Tune's name of the folder that holds its state


class Patience:
    """How long what cannot be written is tried again: mostly not at all, since training goes on.

    Args:
        seconds: from the first failure on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: float | None = None

    def try_again(self) -> bool:
        """Whether to try again, after a pause, what has just failed."""
        now = time.monotonic()
        self._ends = now + self._seconds if self._ends is None else self._ends
        if now >= self._ends:
            return False
        time.sleep(min(PAUSE_S, self._ends - now))
        return True


class DurableStorage(StorageContext):
    """Tune's storage, for every algorithm; in local folders (shared ones too) a checkpoint is whole or not there.

    Tune itself copies file by file to where the checkpoint belongs, and a trial whose checkpoint cannot be written
    fails. Here the trial goes on, with its last good checkpoint. Object stores (s3://…) have no renaming: there
    everything is as in Tune.
    """

    patience = Patience(0)  # of the class: records of earlier versions have none

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sync_whole_files()

    @classmethod
    def of(cls, storage: StorageContext) -> DurableStorage:
        """The same storage, durable."""
        durable: Any = copy.copy(storage)
        durable.__class__ = cls
        durable.__dict__.setdefault("patience", Patience(0))
        durable._sync_whole_files()
        return durable

    def _sync_whole_files(self) -> None:
        if self.is_local and not isinstance(self.syncer, StateSyncer):
            self.syncer: Any = StateSyncer(self.syncer)

    @property
    def experiment_dir_name(self) -> str | None:
        """The experiment's folder in the results. It stays: Tune gives all trials that it resumes the first one's."""
        return self.__dict__.get("experiment_dir_name")

    @experiment_dir_name.setter
    def experiment_dir_name(self, name: str | None) -> None:
        self.__dict__.setdefault("experiment_dir_name", name)

    @property
    def is_local(self) -> bool:
        """Whether results go to a folder that this machine sees."""
        return isinstance(self.storage_filesystem, pyarrow.fs.LocalFileSystem)

    @property
    def trial_folder(self) -> Path:
        """Where the trial's results are, if `is_local`."""
        return Path(self.trial_fs_path)

    def persist_current_checkpoint(self, checkpoint: Any) -> Any:
        """Puts a checkpoint in its place.

        Args:
            checkpoint: a folder; it is renamed if it lies beside its place, else copied.

        Returns:
            The checkpoint in its place, or None if that was not possible: Tune then keeps the one before.
        """
        if not self.is_local:
            return super().persist_current_checkpoint(checkpoint)
        source, target = Path(checkpoint.path), Path(self.checkpoint_fs_path)
        while error := self._missing() or _put(source, target):
            if not self.patience.try_again():
                report_lost_checkpoint(target, error)
                self.current_checkpoint_index -= (
                    1  # Tune, which does not hear of it, counts only what it got.
                )
                if source.parent == target.parent:
                    shutil.rmtree(source, ignore_errors=True)
                return None
        return type(checkpoint)(filesystem=self.storage_filesystem, path=str(target))

    def _missing(self) -> OSError | None:
        """Why the experiment's folder is not the one that Tune marked at the beginning, if it is not."""
        try:
            self._check_validation_file()
        except RuntimeError:
            return FileNotFoundError(
                errno.ENOENT, "the experiment's folder is missing", self.experiment_fs_path
            )
        return None


def _put(source: Path, target: Path) -> OSError | None:
    """Puts a checkpoint in its place; what went wrong, if it did. What lies beside its place stays for another try."""
    aside = source
    try:
        if source.parent != target.parent:
            remove_left_folders(target.parent)
            aside = new_folder_aside(target.parent)
            shutil.copytree(source, aside, dirs_exist_ok=True)
        put_in_place(aside, target)
    except OSError as error:
        if aside is not source:
            shutil.rmtree(aside, ignore_errors=True)
        return error
    return None


class StateSyncer:
    """Brings Tune's own state, from which a run is resumed, to the results; each file is whole or as it was before.

    The folders of the trials are left to `ResultLogs`.

    Args:
        artifacts: Tune's own syncer, for what trials leave in their working folders.
    """

    def __init__(self, artifacts: Any):
        self._artifacts = artifacts
        self._copied: dict[str, int] = {}  # file → time of change in ns
        self._failing = False

    def sync_up(self, local_dir: str, remote_dir: str, exclude: list | None = None) -> bool:
        """Copies the files directly in `local_dir`; one that cannot be written is reported and tried again later."""
        if Path(local_dir).name != _STATE_FOLDER:
            return self._artifacts.sync_up(local_dir, remote_dir, exclude)
        try:
            for file in Path(local_dir).iterdir():
                changed = file.stat().st_mtime_ns
                if file.is_file() and self._copied.get(file.name) != changed:
                    write_whole(Path(remote_dir, file.name), file.read_bytes())
                    self._copied[file.name] = changed
            self._failing = False
        except OSError as error:
            if not self._failing:
                logger.error(
                    "Tune's state could not be written to %s: %s. Training goes on.", remote_dir, error
                )
            self._failing = True
        return True

    def sync_up_if_needed(self, local_dir: str, remote_dir: str, exclude: list | None = None) -> bool:
        """As `sync_up`."""
        return self.sync_up(local_dir, remote_dir, exclude)

    def wait(self) -> None:
        """Waits for Tune's own syncer; nothing of ours goes on in the background."""
        self._artifacts.wait()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_artifacts":
            raise AttributeError(name)
        return getattr(self._artifacts, name)


def report_lost_checkpoint(target: Path, error: OSError) -> None:
    """Logs that a checkpoint could not be written."""
    logger.error("Checkpoint %s could not be written: %s. Training goes on.", target, error)
