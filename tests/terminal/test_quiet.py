"""What Ray says to developers is kept off the screen."""

import logging

import pyarrow.fs
import pytest
from ray.train._internal import storage

from rllib_remix.terminal.quiet import quiet_ray


class Stuck(pyarrow.fs.LocalFileSystem):
    """Deletes nothing."""

    def delete_dir(self, path):
        raise OSError(f"Cannot delete directory '{path}'")


@pytest.fixture
def deleted(caplog, monkeypatch, tmp_path):
    """Lets Tune delete an old checkpoint, and gives the lines that are logged."""
    monkeypatch.setattr(logging.getLogger("ray"), "propagate", True)

    def delete() -> list[str]:
        storage._delete_fs_path(Stuck(), str(tmp_path))
        return caplog.text.splitlines()

    return delete


def test_a_checkpoint_that_cannot_be_deleted_is_told_in_one_line(deleted, tmp_path):
    with quiet_ray():
        (line,) = deleted()
    told = f"An old checkpoint could not be deleted: Cannot delete directory '{tmp_path}'. Training goes on."
    assert line.endswith(told)


def test_a_verbosity_lets_everything_through(deleted):
    with quiet_ray(1):
        assert "Traceback (most recent call last):" in deleted()
