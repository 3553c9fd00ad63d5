"""What a hostile input must not do: take long, take much memory, write anything, or end in a traceback."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_SECONDS = 10
MAX_MIB = 1024  # beside what the process holds already
MAX_MESSAGE = 1200  # characters of one error
# Words of Python that tell a user nothing.
PYTHON_WORDS = ("Traceback", "object is not", "has no setter", "unexpected keyword argument", "NoneType")


@contextmanager
def limited(seconds: int = MAX_SECONDS, mib: int = MAX_MIB) -> Iterator[None]:
    """Ends the block with an error when it takes too long, or asks for too much memory."""

    def too_long(*_: object) -> None:
        raise AssertionError(f"it took longer than {seconds} s")

    handler = signal.signal(signal.SIGALRM, too_long)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + mib * 2**20, before[1]))
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGALRM, handler)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def listing(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder, with kind, size and time of change; links are not followed."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            status = path.lstat()
            changed = status.st_mtime_ns if not path.is_dir() else 0
            found[str(path.relative_to(folder))] = (status.st_mode, changed, status.st_size if changed else 0)
    return found


def check_refusal(exit_code: int, stderr: str, exception: BaseException | None = None) -> str:
    """The one line of a refusal; raises AssertionError for anything else than exit code 2 with one good message."""
    if exception is not None and not isinstance(exception, SystemExit):
        raise AssertionError(f"{type(exception).__name__}: {str(exception)[:500]}") from exception
    assert exit_code == 2, (exit_code, stderr[:1000])
    errors = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, stderr[:2000]
    (line,) = errors
    assert len(line) <= MAX_MESSAGE, f"{len(line)} characters: {line[:300]} …"
    assert line.isprintable(), repr(line)
    assert not any(words in line for words in PYTHON_WORDS), line
    return line
