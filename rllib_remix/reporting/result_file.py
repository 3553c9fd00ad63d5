"""Reads the files of JSON that Tune leaves in a trial's folder, which may be damaged, endless or no files at all."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rllib_remix.errors import UserError, shown

MAX_LINE = 16 * 2**20  # bytes of one result; a usual one has some 16 kB


class RunError(UserError):
    """A folder that holds no readable run, or runs that cannot be drawn."""


def read_results(file: Path) -> Iterator[dict[str, Any]]:
    """The results in a `result.json`, a line each; an unfinished last line, as a killed run leaves it, is left out.

    Raises:
        RunError: no regular file, or a line that is no result; names the line.
    """
    with _open(file) as stream:
        number = 0
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            try:
                yield _object(line)
            except ValueError as error:
                if number > 1 and len(line) <= MAX_LINE and not stream.read(1):
                    return
                raise RunError(f"{shown(str(file))}, line {number}: damaged result ({error}).") from None


def read_object(file: Path) -> dict[str, Any]:
    """The object in a small JSON file; an empty one if it is missing or damaged."""
    try:
        with _open(file) as stream:
            return _object(stream.read(MAX_LINE + 1))
    except (RunError, ValueError):
        return {}


def is_file_with_content(file: Path) -> bool:
    """Whether there is a regular file of more than 0 bytes, links followed; False if that cannot be told."""
    try:
        status = file.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def _open(file: Path) -> BinaryIO:
    try:
        # A pipe without a writer would wait for one.
        stream = os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise RunError(f"{shown(str(file))} cannot be read: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise RunError(f"{shown(str(file))} is no regular file.")
    return stream


def _object(line: bytes) -> dict[str, Any]:
    """Raises ValueError if a line is no JSON object."""
    if len(line) > MAX_LINE:
        raise ValueError(f"more than {MAX_LINE // 2**20} MiB")
    try:
        result = json.loads(line.decode("utf-8", errors="replace"))
    except json.JSONDecodeError as error:
        raise ValueError(error.msg) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:  # Python refuses integers of thousands of digits.
        raise ValueError("a number with too many digits") from None
    if not isinstance(result, dict):
        raise ValueError("no JSON object")
    return result
