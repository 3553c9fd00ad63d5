"""Output that cannot be written is dropped: a reader that went away, a full disk or a lost terminal ends no training."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any

PATIENCE = 1.0  # seconds for a reader that is behind, where writing does not wait by itself


class _Dropping(io.FileIO):
    """A file descriptor to which every write succeeds."""

    def write(self, data: Any, /) -> int:
        try:
            written = super().write(data)
            if written is None and select.select([], [self.fileno()], [], PATIENCE)[1]:
                written = super().write(data)
        except OSError:
            written = None
        return memoryview(data).nbytes if written is None else written


def drop_what_cannot_be_written() -> None:
    """Makes stdout and stderr of this process such that writing never fails, whatever becomes of them.

    Descriptors that the caller closed are opened to nothing, since the next file to be opened would get their numbers
    and with them what is meant for the screen. Characters that the encoding lacks become question marks.
    """
    for descriptor in range(3):
        _open_if_closed(descriptor)
    sys.stdout = sys.__stdout__ = _dropping(sys.stdout, 1)
    sys.stderr = sys.__stderr__ = _dropping(sys.stderr, 2)


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one


def _dropping(stream: Any, descriptor: int) -> io.TextIOWrapper:
    """A stream to the same place; `stream` is None where Python found the descriptor closed."""
    buffer = io.BufferedWriter(_Dropping(descriptor, "wb", closefd=False))
    if stream is None:
        return io.TextIOWrapper(buffer, encoding="utf-8", errors="replace", line_buffering=True)
    stream.flush()
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors="replace" if stream.errors == "strict" else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
