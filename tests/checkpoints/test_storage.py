"""A checkpoint is whole or not there, and one that cannot be written ends nothing."""

import errno
from pathlib import Path

import pytest
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint

from rllib_remix.checkpoints import storage
from rllib_remix.checkpoints.storage import DurableStorage, StateSyncer


@pytest.fixture
def durable(tmp_path) -> DurableStorage:
    found = DurableStorage.of(
        StorageContext(str(tmp_path / "results"), experiment_dir_name="run", trial_dir_name="trial")
    )
    found.trial_folder.mkdir(parents=True)
    found.current_checkpoint_index = 0
    return found


def checkpoint_in(folder: Path, content: str) -> Checkpoint:
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights").write_text(content)
    return Checkpoint(str(folder))


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_from_elsewhere_is_copied_and_one_beside_its_place_is_renamed(durable, tmp_path):
    folder = durable.trial_folder
    durable.persist_current_checkpoint(checkpoint_in(tmp_path / "elsewhere", "one"))
    assert (folder / "checkpoint_000000" / "deep" / "weights").read_text() == "one"
    assert (tmp_path / "elsewhere" / "deep" / "weights").exists()
    durable.current_checkpoint_index = 1
    put = durable.persist_current_checkpoint(checkpoint_in(folder / ".aside_x", "two"))
    assert Path(put.path) == folder / "checkpoint_000001"
    assert names(folder) == ["checkpoint_000000", "checkpoint_000001"]


@pytest.mark.parametrize("failing", ["copytree", "put_in_place"])
def test_on_a_full_disk_the_last_checkpoint_stays_and_nothing_else(durable, tmp_path, monkeypatch, failing):
    durable.persist_current_checkpoint(checkpoint_in(tmp_path / "one", "one"))
    durable.current_checkpoint_index = 1
    monkeypatch.setattr(storage.shutil if failing == "copytree" else storage, failing, full_disk)
    assert durable.persist_current_checkpoint(checkpoint_in(tmp_path / "two", "two")) is None
    assert durable.current_checkpoint_index == 0
    assert names(durable.trial_folder) == ["checkpoint_000000"]
    monkeypatch.undo()
    durable.current_checkpoint_index = 1
    assert durable.persist_current_checkpoint(checkpoint_in(tmp_path / "three", "three")) is not None


class NoSyncer:
    """In the place of Tune's own, for artifacts."""

    synced = ()

    def sync_up(self, local_dir, remote_dir, exclude=None):
        self.synced = (local_dir, remote_dir)
        return True


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    state, results = tmp_path / "driver_artifacts", tmp_path / "results"
    state.mkdir(), results.mkdir()
    return state, results


def test_tunes_state_is_copied_when_it_changed(folders):
    state, results = folders
    syncer = StateSyncer(NoSyncer())
    (state / "a.json").write_text("1")
    assert syncer.sync_up(str(state), str(results))
    (results / "a.json").write_text("ours")  # would be overwritten if it were copied again
    syncer.sync_up_if_needed(str(state), str(results))
    assert (results / "a.json").read_text() == "ours"


def test_a_state_that_cannot_be_written_is_reported_once_and_written_later(folders, monkeypatch):
    state, results = folders
    syncer = StateSyncer(NoSyncer())
    (state / "a.json").write_text("1")
    monkeypatch.setattr(storage, "write_whole", full_disk)
    said = []
    monkeypatch.setattr(storage.logger, "error", lambda message, *values: said.append(message % values))
    assert syncer.sync_up(str(state), str(results))
    assert syncer.sync_up(str(state), str(results))
    assert len(said) == 1
    assert "No space left on device. Training goes on." in said[0]
    assert names(results) == []
    monkeypatch.undo()
    syncer.sync_up(str(state), str(results))
    assert names(results) == ["a.json"]


def test_what_trials_leave_is_left_to_tunes_own_syncer(tmp_path):
    artifacts = NoSyncer()
    StateSyncer(artifacts).sync_up(str(tmp_path / "trial"), "there")
    assert artifacts.synced == (str(tmp_path / "trial"), "there")


def test_a_folder_that_is_gone_for_a_while_costs_the_checkpoint_and_not_the_trial(durable, tmp_path):
    run = durable.trial_folder.parent
    run.rename(tmp_path / "elsewhere")
    assert durable.persist_current_checkpoint(checkpoint_in(tmp_path / "one", "one")) is None
    assert not run.exists()
    (tmp_path / "elsewhere").rename(run)
    durable.current_checkpoint_index = 0
    assert durable.persist_current_checkpoint(checkpoint_in(tmp_path / "two", "two")) is not None
