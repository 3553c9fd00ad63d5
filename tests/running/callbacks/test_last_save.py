"""How far a trial's newest checkpoint is behind its end, and how long its last save is tried."""

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint, CheckpointConfig

from rllib_remix.checkpoints import storage
from rllib_remix.checkpoints.storage import DurableStorage, Patience
from rllib_remix.running.callbacks.last_save import Lag, PatientLastSaves, be_patient, lag_of


def trial(
    last: dict[str, Any], newest: dict[str, Any] | None, *, at_end: bool = True, frequency: int = 0
) -> Any:
    """As far as Tune's trials matter here; `newest` are the results that its newest checkpoint was saved with."""
    manager = _CheckpointManager(CheckpointConfig(checkpoint_at_end=at_end, checkpoint_frequency=frequency))
    if newest is not None:
        manager._latest_checkpoint_result = _TrainingResult(checkpoint=Checkpoint("/there"), metrics=newest)
    return SimpleNamespace(last_result=last, run_metadata=SimpleNamespace(checkpoint_manager=manager))


def results(iteration: int, *, done: bool = False) -> dict[str, Any]:
    """100 env steps per iteration."""
    return {
        "training_iteration": iteration,
        "num_env_steps_sampled_lifetime": 100 * iteration,
        "done": done,
    }


END = results(400, done=True)


@pytest.mark.parametrize(
    ("given", "lag"),
    [
        (trial(END, results(400)), None),
        (trial(END, results(4)), Lag(4, 396, 39_600)),
        (trial(END, None), Lag(0, 400, 40_000)),
        (trial(END, {}), Lag(0, 400, 40_000)),  # restored from a checkpoint, and never saved since
        (trial({"training_iteration": 400, "done": True}, None), Lag(0, 400, None)),
        (trial(END, results(399), at_end=False, frequency=7), None),  # 399 is the last multiple of 7
        (trial(END, results(392), at_end=False, frequency=7), Lag(392, 8, 800)),
        (trial(END, None, at_end=False), None),  # nobody wanted one
        (trial(results(400), results(4)), None),  # stopped before it could be asked to save
        (trial({}, None), None),
    ],
)
def test_what_should_have_been_saved_and_was_not_is_counted(given, lag):
    assert lag_of(given) == lag


@pytest.fixture
def trainable(tmp_path):
    """Tune's, as far as it saves."""
    context = StorageContext(str(tmp_path / "results"), experiment_dir_name="run", trial_dir_name="trial")
    Path(context.trial_fs_path).mkdir(parents=True)
    context.current_checkpoint_index = 0
    (tmp_path / "checkpoint").mkdir()
    return SimpleNamespace(_storage=context)


def fail(times: int, monkeypatch) -> list[int]:
    """A disk that is full for so many tries; the list gets an entry for each try."""
    tries = []
    put = storage.put_in_place

    def full_at_first(aside: Path, folder: Path) -> None:
        tries.append(len(tries))
        if len(tries) <= times:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(aside, folder)

    monkeypatch.setattr(storage, "put_in_place", full_at_first)
    monkeypatch.setattr(storage, "PAUSE_S", 0.01)
    return tries


def test_the_last_save_is_tried_until_there_is_room(trainable, tmp_path, monkeypatch):
    tries = fail(3, monkeypatch)
    be_patient(trainable, 60)
    assert isinstance(trainable._storage, DurableStorage)
    saved = trainable._storage.persist_current_checkpoint(Checkpoint(str(tmp_path / "checkpoint")))
    assert Path(saved.path).name == "checkpoint_000000"
    assert len(tries) == 4


def test_the_last_save_is_not_tried_for_ever(trainable, tmp_path, monkeypatch):
    tries = fail(10**6, monkeypatch)
    be_patient(trainable, 0.05)
    assert trainable._storage.persist_current_checkpoint(Checkpoint(str(tmp_path / "checkpoint"))) is None
    assert 2 <= len(tries) <= 20
    assert list(Path(trainable._storage.trial_fs_path).iterdir()) == []


def test_without_patience_there_is_one_try():
    assert not Patience(0).try_again()


def test_what_has_no_storage_is_left_alone():
    outside = SimpleNamespace(_storage=None)
    be_patient(outside, 1)
    assert outside._storage is None


def test_a_run_that_is_asked_to_stop_saves_with_patience_too():
    asked = []
    actor = SimpleNamespace(__ray_call__=SimpleNamespace(remote=lambda *call: asked.append(call)))
    trial = SimpleNamespace(temporary_state=SimpleNamespace(ray_actor=actor))
    for stopping, result, times in ((False, {}, 0), (True, {}, 1), (False, {"done": True}, 1)):
        asked.clear()
        PatientLastSaves(lambda stopping=stopping: stopping).on_trial_result(1, [trial], trial, result)
        assert len(asked) == times


def test_storage_of_an_earlier_version_has_no_patience_and_needs_none():
    assert not object.__new__(DurableStorage).patience.try_again()
