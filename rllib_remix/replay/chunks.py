"""Episodes on disk: files of up to `CHUNK_EPISODES` episodes that never change once they are written.

A checkpoint links the files of the one before it and writes only the episodes that came since, so that it takes the
time of the new ones. The links are hard: each checkpoint has all its files, and any of them may be deleted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from rllib_remix.files.durable import write_through

CHUNK_EPISODES = 250
INDEX_FILE = "index.json"
PRIORITIES_FILE = "priorities.safetensors"


class Chunk(NamedTuple):
    """The episodes numbered first … end - 1, in one file."""

    first: int
    end: int

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"episodes_{self.first:09d}_{self.end:09d}.safetensors"


def save_chunks(
    folder: Path,
    previous: Path | None,
    oldest: int,
    added: int,
    pack: Callable[[int, int], dict[str, np.ndarray]],
) -> list[Chunk]:
    """Stores the episodes numbered oldest … added - 1 in `folder`.

    Args:
        folder: where to; exists.
        previous: where the same buffer was saved or loaded last, if it is still there; nothing is shared if it is
            `folder` itself.
        oldest, added: the numbers of the oldest episode and of the next one to come.
        pack: gives the arrays of the episodes first … end - 1.

    Returns:
        The chunks that hold them, in order. The first may also hold episodes that are older.

    Raises:
        OSError: no room, or no permission.
    """
    for file in folder.glob("episodes_*"):
        file.unlink()  # of another buffer that was saved here before
    chunks: list[Chunk] = []
    position = oldest
    for chunk in _full_chunks(previous):
        if chunk.first <= position < chunk.end <= added and _link(previous, folder, chunk.file):
            chunks.append(chunk)
            position = chunk.end
    while position < added:
        # Ends on multiples, so that files are full from the second on.
        chunk = Chunk(position, min(added, (position // CHUNK_EPISODES + 1) * CHUNK_EPISODES))
        write_through(folder / chunk.file, safetensors.numpy.save(pack(chunk.first, chunk.end)))
        chunks.append(chunk)
        position = chunk.end
    return chunks


def load_chunk(folder: Path, chunk: Chunk) -> dict[str, np.ndarray]:
    """The arrays of a chunk, as they were packed.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read.
    """
    try:
        return safetensors.numpy.load((folder / chunk.file).read_bytes())
    except safetensors.SafetensorError as error:
        raise ValueError(f"{chunk.file}: {error}") from error


def write_index(folder: Path, index: dict[str, Any]) -> None:
    """Writes what is to be known about the saved buffer, as JSON. Raises OSError."""
    write_through(folder / INDEX_FILE, json.dumps(index).encode())


def read_index(folder: Path) -> dict[str, Any]:
    """What `write_index` wrote, with `chunks` as a list of Chunk. Raises OSError or ValueError."""
    index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
    index["chunks"] = [Chunk(*chunk) for chunk in index["chunks"]]
    return index


def _full_chunks(previous: Path | None) -> list[Chunk]:
    """Those that end on a multiple; the last one may not, and is written anew when it has grown."""
    try:
        return (
            []
            if previous is None
            else [c for c in read_index(previous)["chunks"] if c.end % CHUNK_EPISODES == 0]
        )
    except (OSError, ValueError):
        return []  # It was deleted in the meantime.


def _link(previous: Path | None, folder: Path, file: str) -> bool:
    """Whether `file` could be linked; not if it is gone, or the file systems differ or have no hard links."""
    assert previous is not None
    try:
        os.link(previous / file, folder / file)
    except OSError:
        return False
    return True
