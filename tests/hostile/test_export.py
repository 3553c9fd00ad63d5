"""`rllib export` writes all or nothing, and never into the checkpoint."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rllib_remix.cli.main import app
from tests.hostile import good_checkpoint as good
from tests.hostile.limits import listing


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return good.write_checkpoint(tmp_path / "checkpoint")


def inside(checkpoint: Path) -> Path:
    return checkpoint / "out"


def deeper_inside(checkpoint: Path) -> Path:
    return checkpoint / "portable" / "out"


def the_checkpoint(checkpoint: Path) -> Path:
    return checkpoint


def by_dots(checkpoint: Path) -> Path:
    (checkpoint.parent / "beside").mkdir()
    return checkpoint.parent / "beside" / ".." / checkpoint.name / "out"


def by_a_link(checkpoint: Path) -> Path:
    (checkpoint.parent / "link").symlink_to(checkpoint)
    return checkpoint.parent / "link" / "out"


def by_a_link_to_nothing(checkpoint: Path) -> Path:
    (checkpoint.parent / "link").symlink_to(checkpoint / "out")
    return checkpoint.parent / "link"


def an_empty_folder_inside(checkpoint: Path) -> Path:
    (checkpoint / "out").mkdir()
    return checkpoint / "out"


def by_a_link_to_itself(checkpoint: Path) -> Path:
    (checkpoint.parent / "link").symlink_to("link")
    return checkpoint.parent / "link"


def a_fifo(checkpoint: Path) -> Path:
    os.mkfifo(checkpoint.parent / "fifo")
    return checkpoint.parent / "fifo"


def a_full_folder(checkpoint: Path) -> Path:
    (checkpoint.parent / "full" / "mine").mkdir(parents=True)
    return checkpoint.parent / "full"


def too_long_a_name(checkpoint: Path) -> Path:
    return checkpoint.parent / ("x" * 300)


def a_nul(checkpoint: Path) -> Path:
    return checkpoint.parent / "a\0b"


def nobodys_home(checkpoint: Path) -> str:
    return "~nobody_of_this_name/out"


def no_folder(checkpoint: Path) -> Path:
    return checkpoint.parent / "no" / "such" / "folder"


PLACES = [
    inside, deeper_inside, the_checkpoint, by_dots, by_a_link, by_a_link_to_nothing, an_empty_folder_inside,
    by_a_link_to_itself, a_fifo, a_full_folder, too_long_a_name, a_nul, nobodys_home, no_folder,
]  # fmt: skip
INSIDE = [inside, deeper_inside, by_dots, by_a_link, by_a_link_to_nothing, an_empty_folder_inside]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_place_that_cannot_be_is_refused_before_anything_is_read(refused, checkpoint, monkeypatch, place):
    out = place(checkpoint)
    monkeypatch.setattr("rllib_remix.checkpoints.team.read_team_weights", lambda *_: pytest.fail("was read"))
    line = refused("export", checkpoint, "--out", out)
    assert "--out" in line
    if place in INSIDE:
        assert "is inside the checkpoint" in line


def failing(what: Any) -> Any:
    """In place of write_portable: something is written, and then it fails."""

    def write(folder: Path, *_: Any) -> None:
        (folder / "weights.safetensors").write_bytes(b"half")
        what()

    return write


def no_room() -> None:
    raise OSError(28, "No space left on device")


def no_memory() -> None:
    raise MemoryError


def ctrl_c() -> None:
    raise KeyboardInterrupt


def sigint() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def sighup() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


@pytest.mark.parametrize(
    ("fault", "exit_code"),
    [(no_room, 2), (no_memory, 2), (ctrl_c, 130), (sigint, 130), (sigterm, 143), (sighup, 129)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@pytest.mark.parametrize("is_there", [False, True])
def test_an_export_that_fails_leaves_everything_as_it_was(
    checkpoint, tmp_path, monkeypatch, fault, exit_code, is_there
):
    if is_there:
        (tmp_path / "out").mkdir()
    before = listing(tmp_path)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    monkeypatch.setattr("rllib_remix.checkpoints.portable.write_portable", failing(fault))
    result = CliRunner().invoke(app, ["export", str(checkpoint), "--out", str(tmp_path / "out")])
    assert result.exit_code == exit_code, result.output
    assert listing(tmp_path) == before
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_what_came_into_the_folder_meanwhile_is_kept(checkpoint, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def write(folder: Path, *_: Any) -> None:
        (folder / "weights.safetensors").write_bytes(b"whole")
        out.mkdir()
        (out / "mine").write_text("mine")

    monkeypatch.setattr("rllib_remix.checkpoints.portable.write_portable", write)
    result = CliRunner().invoke(app, ["export", str(checkpoint), "--out", str(out)])
    assert result.exit_code == 2, result.output
    assert [path.name for path in out.iterdir()] == ["mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "out"]


def test_the_checkpoint_stays_as_it_is(checkpoint, tmp_path):
    before = listing(checkpoint)
    result = CliRunner().invoke(app, ["export", str(checkpoint), "--out", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert listing(checkpoint) == before
