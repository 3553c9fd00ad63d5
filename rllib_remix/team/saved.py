"""Writing and reading the checkpoints of an algorithm with a replay buffer, so that none is ever half there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.core import COMPONENT_LEARNER, COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.train._internal.session import _TrainingResult
from ray.tune import Checkpoint

from rllib_remix.checkpoints.clock import SAVED_AT, RecordClock
from rllib_remix.checkpoints.fitting import (
    check_checkpoint,
    check_networks,
    explain_damage,
    local_folder,
)
from rllib_remix.checkpoints.manifest import is_nothing_but_checkpoint, write_manifest
from rllib_remix.checkpoints.portable import PORTABLE, write_portable
from rllib_remix.checkpoints.storage import DurableStorage, report_lost_checkpoint
from rllib_remix.checkpoints.writing import check_learner_files, checkpoint_metadata, settings_as_json
from rllib_remix.files.durable import new_folder_aside, put_in_place, remove_left_folders
from rllib_remix.memory import return_memory
from rllib_remix.replay.saved import restore_replay
from rllib_remix.team.nonfinite import NotFiniteError, check_saved_networks, check_state
from rllib_remix.team.stored_class import read_class_and_settings, write_class_and_settings

COMPONENT_REPLAY_BUFFER = "replay_buffer"


class SavedAlgorithm(Algorithm):
    """RLlib's Algorithm with durable checkpoints; a subclass sets what is declared here in its `setup`, and says what
    is done when a state was loaded.

    Attributes:
        config: a TeamAlgorithmConfig.
        replay_buffer: has `save_to_path(path, previous=)`, and is read back by `restore_replay`.
        team_spec: sizes of the episodes.
        agent_layout: how what each agent shows becomes the arrays of these; None if JSON cannot say it.
    """

    config: Any
    replay_buffer: Any
    team_spec: Any
    agent_layout: Any
    _replay_on_disk: Path | None = None  # where the replay buffer was saved or restored last
    _clock: RecordClock | None = None
    _saved_at: float | None = None

    def __init__(self, config: Any = None, *args: Any, **kwargs: Any):
        """As RLlib's; the whole config that a checkpoint holds may be an earlier version's."""
        default: Any = self.get_default_config()
        given: Any = config
        if isinstance(config, dict) and "class" in config:
            given = default.completed(config)
        super().__init__(given, *args, **kwargs)

    def before_state_is_loaded(self) -> None:
        """Drops what was prepared from the state that is about to be replaced."""
        raise NotImplementedError

    def after_state_was_loaded(self) -> None:
        """Lets all workers know of the state that was loaded."""
        raise NotImplementedError

    def get_metadata(self) -> dict[str, Any]:
        return super().get_metadata() | checkpoint_metadata(self) | {SAVED_AT: self._saved_at}

    def _now(self) -> float:
        """The time for a checkpoint's metadata."""
        if self._clock is None:
            storage, folder = self._storage, None
            if storage is not None and isinstance(storage.storage_filesystem, pyarrow.fs.LocalFileSystem):
                folder = Path(storage.experiment_fs_path)
            self._clock = RecordClock(folder)
        return self._clock.now()

    def save_to_path(self, path: Any = None, *, state: dict[str, Any] | None = None, **kwargs: Any) -> str:
        """As RLlib's, with the replay buffer, with weights and settings that can be read without pickle, and with a
        list of the files at the end, by which an incomplete checkpoint is known.

        Of the replay buffer only the episodes are written that came since it was last saved or restored here. A
        checkpoint that is in the folder already is replaced when the new one is whole.

        Raises:
            NotFiniteError: networks or optimizer are not finite. Nothing was written.
        """
        if state is None:  # The replay buffer would be copied in memory.
            state = self.get_state(not_components=COMPONENT_REPLAY_BUFFER)
        check_state(state, self._newest_checkpoint())
        folder = local_folder(path) if path else None
        if folder is None or not is_nothing_but_checkpoint(folder):
            return str(self._write(folder, state, kwargs))
        aside, before = new_folder_aside(folder.parent), self._replay_on_disk
        try:
            self._write(aside, state, kwargs)
            put_in_place(aside, folder)
        except BaseException:
            self._replay_on_disk = before
            shutil.rmtree(aside, ignore_errors=True)
            raise
        self._replay_on_disk = folder / COMPONENT_REPLAY_BUFFER
        return str(folder)

    def _write(self, path: Path | None, state: dict[str, Any], kwargs: dict[str, Any]) -> Path:
        self._saved_at = self._now()
        folder = Path(super().save_to_path(path, state=state, **kwargs))
        write_class_and_settings(folder, type(self), self.get_ctor_args_and_kwargs())
        check_learner_files(folder)
        write_portable(
            folder / PORTABLE, self._weights(), self.get_metadata() | settings_as_json(self.config)
        )
        self.replay_buffer.save_to_path(folder / COMPONENT_REPLAY_BUFFER, previous=self._replay_on_disk)
        write_manifest(folder, self._replay_on_disk.parent if self._replay_on_disk else None)
        self._replay_on_disk = folder / COMPONENT_REPLAY_BUFFER
        return_memory()  # What was copied for writing lies scattered; over thousands of checkpoints the process grows.
        return folder

    def _weights(self) -> dict[str, np.ndarray]:
        assert self.learner_group is not None
        state = self.learner_group.get_state(components=f"{COMPONENT_LEARNER}/{COMPONENT_RL_MODULE}")
        return state[COMPONENT_LEARNER][COMPONENT_RL_MODULE][DEFAULT_MODULE_ID]

    def _newest_checkpoint(self) -> str:
        """A sentence that names it; all that are written are finite."""
        if self._replay_on_disk is None or not self._replay_on_disk.parent.is_dir():
            return "There is no checkpoint yet."
        return f"The newest checkpoint, whose networks are finite, is {self._replay_on_disk.parent}."

    def save(self, checkpoint_dir: str | None = None) -> Any:
        """As Tune's; a trial's checkpoint is written beside its place, and one that cannot be written ends nothing."""
        if checkpoint_dir is not None or self._storage is None:
            return super().save(checkpoint_dir)
        self._storage = storage = DurableStorage.of(self._storage)
        if not storage.is_local:
            return super().save()
        while True:
            result, error = self._save_once(storage)
            if error is None or not storage.patience.try_again():
                break
        if error is not None:
            report_lost_checkpoint(storage.trial_folder, error)
        return result

    def _save_once(self, storage: DurableStorage) -> tuple[_TrainingResult, OSError | None]:
        """What Tune is told, and why the checkpoint could not be written; if only its last step failed, that is told."""
        before, aside, failed = self._replay_on_disk, None, None
        result = _TrainingResult(checkpoint=None, metrics={})
        try:
            remove_left_folders(storage.trial_folder)
            aside = new_folder_aside(storage.trial_folder)
            result = super().save(str(aside))
        except OSError as error:
            failed = error
        except NotFiniteError:
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)
            raise
        if result.checkpoint is None:
            self._replay_on_disk = before
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)
        else:
            self._replay_on_disk = Path(result.checkpoint.path) / COMPONENT_REPLAY_BUFFER
        return result, failed

    @classmethod
    def from_checkpoint(cls, path: Any, filesystem: Any = None, **kwargs: Any) -> Any:
        """As RLlib's, and of earlier versions too; the algorithm is of the class that made the checkpoint.

        Raises:
            CheckpointError: damaged.
            ValueError: made by an algorithm that is no subclass of this one.
        """
        if filesystem is not None or kwargs:
            return super().from_checkpoint(path, filesystem=filesystem, **kwargs)
        folder = local_folder(path.to_directory() if isinstance(path, Checkpoint) else path)
        with explain_damage(folder):
            found, settings = read_class_and_settings(folder)
        if not issubclass(found, cls):
            raise ValueError(
                f"checkpoint {str(folder)!r} was made by {found.__name__}, not by {cls.__name__}."
            )
        algorithm = found(settings)
        algorithm.restore_from_path(folder)
        return algorithm

    def restore_from_path(self, path: Any, *args: Any, **kwargs: Any) -> None:
        """As RLlib's, after a check that the checkpoint is whole and fits; and no env runner keeps old weights.

        Raises:
            CheckpointError: damaged, not finite, of another algorithm or of a team of other sizes. Nothing was changed.
        """
        folder = local_folder(path)
        if kwargs.get("component") is None:
            check_checkpoint(folder, type(self).__name__, self.team_spec)
            check_networks(folder, self.config.networks(), self.team_spec)
            check_saved_networks(folder)
        self.before_state_is_loaded()
        with explain_damage(folder):
            super().restore_from_path(folder, *args, **kwargs)
            if kwargs.get("component") is None:
                restore_replay(self.replay_buffer, folder / COMPONENT_REPLAY_BUFFER)
                self._replay_on_disk = folder / COMPONENT_REPLAY_BUFFER
        self.after_state_was_loaded()
