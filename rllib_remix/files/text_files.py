"""Text that a user's files and options hold: where it is, and how much of it is read."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from rllib_remix.errors import UserError, shown

MAX_BYTES = 2**20  # of a file of settings; the largest that are of use have some 10 kB
MAX_DEPTH = 50  # levels of lists and mappings
MAX_VALUES = 100_000  # numbers, texts, lists, mappings, keys; aliases written out
MAX_INTEGER = 2**64 - 1
MAX_PATH = 4095  # bytes, as Linux has it

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def read_text(path: Path, *, what: str) -> str:
    """The UTF-8 text of a file, with line feeds alone, and without a byte order mark.

    Args:
        path: a regular file of 1 MiB at most; nothing is read from pipes, terminals and devices, which may never end.
        what: what it is, for messages.

    Raises:
        UserError: if there is no such file, it cannot be read, it is too large, or it is not text.
    """
    path = local_path(what, str(path))
    try:
        # Without O_NONBLOCK, opening a pipe waits for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UserError(f"{what} {shown(str(path))} is not a regular file; write it into one.")
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"{what} {shown(str(path))} does not exist.") from None
    except OSError as error:
        raise UserError(f"{what} {shown(str(path))} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise UserError(
            f"{what} {shown(str(path))} has more than {MAX_BYTES:,} bytes, which settings never need."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{what} {shown(str(path))} is not a text file in UTF-8.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def local_path(owner: str, text: str) -> Path:
    """The path that a user wrote, with ~, ~user, $NAME and ${NAME} replaced, as a shell replaces them.

    Raises:
        UserError: if it is empty, has characters that no path should have, or names a user or a variable that is not
            there.
    """
    check_path_text(owner, text)
    if "$" in text and os.path.lexists(text):
        return Path(text)  # There is one by that very name.

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if not os.environ.get(name):
            raise UserError(f"{owner}: {shown(text)}: there is no environment variable {name}.")
        return os.environ[name]

    try:
        path = Path(_VARIABLE.sub(value, text)).expanduser()
    except RuntimeError:
        user = text.partition("/")[0].removeprefix("~")
        raise UserError(
            f"{owner}: {shown(text)}: there is no user {shown(user)}, or no home folder."
        ) from None
    return path


def check_path_text(owner: str, text: object) -> None:
    """Raises UserError unless `text` can be a path or an address: not empty, printable, not too long."""
    if not isinstance(text, str):
        raise UserError(
            f"{owner}: {shown(text)} is not allowed; it must be the path of a file or folder, as text."
        )
    if not text.strip():
        raise UserError(f"{owner}: {shown(text)} is not allowed; it must be the path of a file or folder.")
    if any(not mark.isprintable() and not "\udc80" <= mark <= "\udcff" for mark in text):
        raise UserError(
            f"{owner}: {shown(text)} is not allowed; a path has no line breaks or control characters."
        )
    if len(os.fsencode(text)) > MAX_PATH:
        raise UserError(f"{owner}: {shown(text)} is not allowed; a path has {MAX_PATH} bytes at most.")
