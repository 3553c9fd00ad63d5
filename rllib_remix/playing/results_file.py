"""The files that `rllib evaluate` writes: results as JSON, and how far it is while it plays."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError
from rllib_remix.files.json_values import jsonable
from rllib_remix.files.text_files import local_path

PROGRESS_PREFIX = "__progress_"


def check_writable(option: str, file: Path, suffix: str) -> None:
    """Raises UserError unless `file` has the right ending and a file can be made beside it."""
    file = local_path(option, str(file)).absolute()
    if file.suffix.lower() != suffix:
        raise UserError(f"{option}: takes the file to write, which must end in {suffix}; got {file.name!r}.")
    if not file.parent.is_dir():
        raise UserError(f"{option}: folder {str(file.parent)!r} does not exist.")
    try:
        is_folder = file.is_dir()
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise UserError(f"{option}: cannot write {str(file)!r}: {error.strerror}.") from None
    if is_folder:
        raise UserError(f"{option}: {str(file)!r} is a folder; give a file.")


def write_json(option: str, file: Path, content: Any) -> None:
    """Writes JSON aside and renames it, so that the file is whole or not there.

    Raises:
        UserError: no room, or no permission; what was there before stays.
    """
    from rllib_remix.files.durable import write_whole

    text = json.dumps(jsonable(content), indent=2, allow_nan=False) + "\n"
    try:
        write_whole(local_path(option, str(file)).absolute(), text.encode())
    except OSError as error:
        raise UserError(f"{option}: cannot write {str(file)!r}: {error.strerror or error}.") from error


@contextmanager
def progress_file(out: Path | None, episodes: int, steps: int) -> Iterator[Callable[[Any], None]]:
    """What is to be called after every episode; it says in `__progress_<out>` how far the playing is.

    The file is removed at the end. Without `out` nothing is written; where writing fails, playing goes on.
    """
    if out is None:
        yield lambda _: None
        return
    file = local_path("--out", str(out)).absolute()
    file = file.with_name(PROGRESS_PREFIX + file.name)

    def write(played: Any) -> None:
        parts = (("episodes", len(played.returns), episodes), ("env steps", played.num_env_steps, steps))
        line = ", ".join(f"{done}{f' of {goal}' if goal else ''} {what}" for what, done, goal in parts)
        with contextlib.suppress(OSError):
            file.write_text(line + "\n", encoding="utf-8")

    try:
        yield write
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
