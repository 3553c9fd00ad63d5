"""The list of a checkpoint's files with their sizes and checksums, by which an incomplete or damaged one is known."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from rllib_remix.durable import write_through

MANIFEST = "files.json"
METADATA = "rllib_checkpoint.json"  # RLlib's own, which says what made the checkpoint


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: missing, damaged, or of something else."""


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
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _entry(file: Path, folder: Path, previous: Path | None, known: dict[str, list[int]]) -> list[int]:
    name = str(file.relative_to(folder))
    if previous and name in known:
        earlier = previous / name
        if earlier.exists() and earlier.samefile(file):
            return known[name]
    return [file.stat().st_size, _checksum(file)]


def check_files(folder: Path) -> None:
    """Raises CheckpointError if a file of the checkpoint is missing or is not what was written."""
    try:
        expected = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(damaged(folder, f"{MANIFEST} cannot be read: {error}")) from error
    for name, (size, checksum) in expected.items():
        file = folder / name
        if not file.is_file():
            raise CheckpointError(damaged(folder, f"{name} is missing"))
        if file.stat().st_size != size:
            raise CheckpointError(
                damaged(folder, f"{name} has {file.stat().st_size} bytes, {size} were written")
            )
        if _checksum(file) != checksum:
            raise CheckpointError(damaged(folder, f"the content of {name} is not what was written"))


def _checksum(file: Path) -> int:
    checksum = 0
    with open(file, "rb") as content:
        while block := content.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def damaged(path: Any, why: str) -> str:
    """The message of a CheckpointError about a checkpoint that cannot be read."""
    return (
        f"checkpoint {str(path)!r} cannot be read ({why}). It is incomplete or damaged; use an earlier one."
    )
