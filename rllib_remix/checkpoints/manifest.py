"""The list of a checkpoint's files with their sizes and checksums, by which an incomplete or damaged one is known."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from rllib_remix.checkpoints.reading import CheckpointError, opened, read_json, size_of, unreadable
from rllib_remix.errors import shown
from rllib_remix.files.durable import write_through

MANIFEST = "files.json"
METADATA = "rllib_checkpoint.json"  # RLlib's own, which says what made the checkpoint


def write_manifest(folder: Path, previous: Path | None = None) -> None:
    """Lists the checkpoint's files, their sizes and checksums; written last: without it a checkpoint is incomplete.

    Args:
        folder: the checkpoint.
        previous: an earlier one; of files that are linked from there the checksum is taken over.
    """
    known = _read_manifest(previous) if previous else {}
    files = {
        str(file.relative_to(folder)): _entry(file, folder, previous, known)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    write_through(folder / MANIFEST, json.dumps(files, indent=1).encode())


def is_nothing_but_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a checkpoint of ours and no file of anybody else, so that it may be replaced."""
    known = _read_manifest(folder)
    own = {Path(name).parts[0] for name in known} | {MANIFEST}
    return bool(known) and all(path.name in own for path in folder.iterdir())


def _read_manifest(folder: Path) -> dict[str, list[int]]:
    try:
        return _manifest(folder)
    except CheckpointError:
        return {}


def _manifest(folder: Path) -> dict[str, list[int]]:
    """Name → size and checksum. Raises CheckpointError."""
    files = read_json(folder, MANIFEST)
    for name, entry in files.items():
        if not (Path(name).parts and _is_entry(entry)):
            raise unreadable(
                folder,
                f"{MANIFEST}:",
                f"{shown(name)}: {shown(entry)} is not allowed; it must be a file's name and [bytes, checksum].",
            )
    return files


def _is_entry(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(n) is int and n >= 0 for n in value)


def _entry(file: Path, folder: Path, previous: Path | None, known: dict[str, list[int]]) -> list[int]:
    name = str(file.relative_to(folder))
    if previous and name in known:
        earlier = previous / name
        if earlier.exists() and earlier.samefile(file):
            return known[name]
    with open(file, "rb") as content:
        return [file.stat().st_size, _checksum(content)]


def check_files(folder: Path, *, contents: Iterable[str] | None = None) -> None:
    """Raises CheckpointError if a file of the checkpoint is missing or is not what was written.

    Args:
        folder: the checkpoint.
        contents: the files whose checksums are looked at, which must be listed; None is all. Of the others only the
            size is.
    """
    expected = _manifest(folder)
    for name in contents or ():
        if name not in expected:
            raise CheckpointError(damaged(folder, f"{MANIFEST} does not list {name}"))
    for name, (size, checksum) in expected.items():
        with opened(folder, name) as file:
            if size_of(file) != size:
                raise CheckpointError(
                    damaged(folder, f"{shown(name)} has {size_of(file)} bytes, {size} were written")
                )
            if (contents is None or name in contents) and _checksum(file) != checksum:
                raise CheckpointError(
                    damaged(folder, f"the content of {shown(name)} is not what was written")
                )


def _checksum(content: BinaryIO) -> int:
    checksum = 0
    while block := content.read(2**20):
        checksum = zlib.crc32(block, checksum)
    return checksum


def damaged(path: Any, why: str) -> str:
    """The message of a CheckpointError about a checkpoint that cannot be read."""
    return (
        f"checkpoint {str(path)!r} cannot be read ({why}). It is incomplete or damaged; use an earlier one."
    )
