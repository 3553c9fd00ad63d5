"""Files and folders that are either whole or not there, whatever happens while they are written."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ASIDE_PREFIX = ".aside_"  # of what is being written; left behind only by a process that was killed


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file aside, waits until it is on the disk, and renames it into place.

    Raises:
        OSError: no room, or no permission; what was there before stays.
    """
    aside = file.with_name(f"{ASIDE_PREFIX}{uuid.uuid4().hex[:8]}_{file.name}")
    try:
        write_through(aside, content)
        os.replace(aside, file)
        _sync(file.parent)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_through(file: Path, content: bytes) -> None:
    """Writes a file and waits until it is on the disk; one that was there may be linked elsewhere, and is left alone.

    Raises:
        OSError: no room, or no permission.
    """
    file.unlink(missing_ok=True)
    with open(file, "xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def new_folder_aside(parent: Path) -> Path:
    """A new, empty folder in `parent`, to be filled and then handed to `put_in_place`. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f"{ASIDE_PREFIX}{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    return folder


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder aside, which becomes `folder` (new or empty) at the end of the block; if the block fails it is gone.

    Raises:
        OSError: not possible, or something came into `folder` meanwhile; then it is as it was.
    """
    aside = folder.with_name(f"{ASIDE_PREFIX}{uuid.uuid4().hex[:8]}")
    try:
        aside.mkdir()
        yield aside
        _sync_all(aside)
        os.replace(aside, folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    _sync(folder.parent)


def put_in_place(aside: Path, folder: Path) -> None:
    """Waits until a filled folder is on the disk and renames it; one that was there before gives way.

    Raises:
        OSError: not possible; then the old one is still there.
    """
    _sync_all(aside)
    replaced = None
    if folder.exists():
        replaced = folder.with_name(f"{ASIDE_PREFIX}{uuid.uuid4().hex[:8]}")
        os.replace(folder, replaced)
    try:
        os.replace(aside, folder)
    except OSError:
        if replaced is not None:
            os.replace(replaced, folder)
        raise
    _sync(folder.parent)
    if replaced is not None:
        shutil.rmtree(replaced, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Removes what killed processes left in `parent`; call it only while nobody writes there."""
    remove_left_folders(parent)
    for leftover in parent.glob(f"{ASIDE_PREFIX}*"):
        leftover.unlink(missing_ok=True)


def remove_left_folders(parent: Path) -> None:
    """Removes the folders among what was left in `parent`; call it only while nobody fills one there."""
    for leftover in parent.glob(f"{ASIDE_PREFIX}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)


def _sync_all(folder: Path) -> None:
    """Waits until all that is in a folder is on the disk; what is linked elsewhere was waited for when it was written."""
    for parent, _, files in os.walk(folder):
        for file in files:
            path = Path(parent, file)
            if path.stat().st_nlink == 1:
                _sync(path)
        _sync(Path(parent))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
