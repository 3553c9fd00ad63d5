"""Reads files of a folder that may come from a stranger.

Nothing outside of the folder is read, opening a file never waits, and nothing is read that is larger than it may be.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rllib_remix.errors import MAX_SHOWN, shown

MAX_JSON_BYTES = 4 * 2**20
MAX_JSON_DEPTH = 64  # objects and lists within each other
_MAX_VALUE_BYTES = (
    MAX_JSON_BYTES // 16
)  # of one setting, as there are several, and they are written with indents
_LONGEST_INTEGER, _LONGEST_FLOAT = 20, 400  # digits in JSON; of an integer as many as 64 bits take
# Regular files are opened as ever with these; should something else have taken its place, nothing waits.
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: missing, damaged, or of something else."""


def unreadable(folder: Path, name: str, why: str) -> CheckpointError:
    """The error about one file of a checkpoint."""
    return CheckpointError(f"checkpoint {str(folder)!r}: {plain(name)} {why}")


def plain(name: str) -> str:
    """A name as people read it, without quotes where it needs none."""
    return name if name.isprintable() and len(name) <= MAX_SHOWN else shown(name)


def is_there(folder: Path, name: str) -> bool:
    """Whether a folder has an entry of this name, of whatever kind."""
    try:
        return os.path.lexists(folder / name)
    except ValueError:  # a NUL in the path
        return False


@contextmanager
def opened(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Opens a regular file of a folder; links are followed as long as they stay inside.

    Raises:
        CheckpointError: it is missing, cannot be opened, is no regular file, or lies outside.
    """
    path = _inside(folder, name)
    try:
        # Looked at before it is opened: to open a device can do something.
        _check_is_regular(folder, name, os.stat(path))
        descriptor = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError:
        raise unreadable(
            folder, name, "is missing: the checkpoint is incomplete; use an earlier one."
        ) from None
    except OSError as error:
        raise unreadable(folder, name, f"cannot be read ({error.strerror}).") from error
    with os.fdopen(descriptor, "rb") as file:
        _check_is_regular(folder, name, os.fstat(file.fileno()))
        yield file


def size_of(file: BinaryIO) -> int:
    """Bytes of an opened file."""
    return os.fstat(file.fileno()).st_size


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The object in a JSON file of a folder: every key once, numbers finite and of at most 64 bits.

    Raises:
        CheckpointError: as `opened`, or the file is too large, or it does not hold such an object.
    """
    with opened(folder, name) as file:
        if (size := size_of(file)) > MAX_JSON_BYTES:
            raise unreadable(folder, name, f"has {size:,} bytes; allowed: {MAX_JSON_BYTES:,} at most.")
        content = file.read(size)
    try:
        return parse_json_object(content)
    except ValueError as error:
        raise unreadable(folder, name, f"is damaged ({error}); use an earlier checkpoint.") from error


def parse_json_object(content: bytes) -> dict[str, Any]:
    """See `read_json`. Raises ValueError."""
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MAX_JSON_DEPTH}") from None
    if not isinstance(value, dict):
        raise ValueError(f"it holds no object but {shown(value)}")
    _check_depth(value)
    return value


def is_json(value: Any) -> bool:
    """Whether JSON can hold a value, and `read_json` then takes it as a part of what it reads."""
    try:
        text = json.dumps({"in": {"an": {"object": value}}}, allow_nan=False)
        parse_json_object(text.encode())
    except (TypeError, ValueError, RecursionError):
        return False
    return len(text) <= _MAX_VALUE_BYTES


def _inside(folder: Path, name: str) -> str:
    """The path of a file with all links followed. Raises CheckpointError if it is not in the folder."""
    try:
        root = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(root, name))
    except (OSError, ValueError) as error:  # a NUL in the name, links without end
        raise unreadable(folder, name, f"cannot be read ({error}).") from error
    if os.path.isabs(name) or ".." in Path(name).parts:
        raise unreadable(folder, name, "is not allowed as a name: it leads out of the folder.")
    if os.path.commonpath([root, path]) != root:
        raise unreadable(
            folder, name, "is a link that leads out of the folder; copy what it leads to (cp -rL)."
        )
    return path


def _check_is_regular(folder: Path, name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise unreadable(folder, name, "is no regular file.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {shown(name)} is there twice")
        found[name] = value
    return found


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER or abs(value := int(text)) >= 2**64:
        raise ValueError(f"an integer of {len(text):,} digits")
    return value


def _number(text: str) -> float:
    if len(text) > _LONGEST_FLOAT or not math.isfinite(value := float(text)):
        raise ValueError(f"the number {shown(text)} is too large")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        inner = (entry.values() if isinstance(entry, dict) else entry for entry in level)
        level = [part for entry in inner for part in entry if isinstance(part, dict | list)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {MAX_JSON_DEPTH}")
