"""Where an export is to be written: looked at before anything is read, so that nothing is overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from rllib_remix.errors import UserError, shown
from rllib_remix.files.text_files import local_path


def new_folder(out: Path | str) -> Path:
    """The folder to be made, with all links followed. Raises UserError if it cannot be made, or is there and not empty."""
    return _target(out, _check_folder)


def new_file(out: Path | str, suffix: str) -> Path:
    """The file to be made, with all links followed.

    Raises:
        UserError: it cannot be made, is there already, or its name does not end in `suffix`.
    """

    def check(target: Path) -> None:
        if target.suffix.lower() != suffix:
            raise UserError(
                f"--out: takes the file to write, which must end in {suffix}; got {target.name!r}."
            )
        check_is_new(target)

    return _target(out, check)


def check_is_new(target: Path) -> None:
    """Raises UserError if there is anything in the place of a file that is to be made."""
    if os.path.lexists(target):
        what = "a folder" if target.is_dir() else "there already"
        raise UserError(f"--out: {str(target)!r} is {what}; give a new file.")


def check_is_outside(target: Path, checkpoint: Path) -> None:
    """Raises UserError if an export would be written into the checkpoint that it is of."""
    if target.is_relative_to(os.path.realpath(checkpoint)):
        raise UserError(
            f"--out: {str(target)!r} is inside the checkpoint, which stays as it is; give another place."
        )


def _target(out: Path | str, check: Callable[[Path], None]) -> Path:
    try:
        target = Path(os.path.realpath(local_path("--out", str(out))))
        check(target)
        if not target.parent.is_dir():
            raise UserError(f"--out: folder {str(target.parent)!r} does not exist.")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise UserError(f"--out: cannot write to {str(target.parent)!r}: no permission.")
    except OSError as error:  # too long a name
        raise UserError(f"--out: cannot write {shown(str(out))}: {error.strerror}.") from error
    return target


def _check_folder(target: Path) -> None:
    if target.is_dir():
        if any(target.iterdir()):
            raise UserError(f"--out: {str(target)!r} is not empty; give a new folder.")
    elif os.path.lexists(target):
        raise UserError(f"--out: {str(target)!r} is a file; give a new folder.")
