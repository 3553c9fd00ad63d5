"""Finds the checkpoint that a user means, and says whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rllib_remix.checkpoints.manifest import METADATA
from rllib_remix.checkpoints.newest import newest
from rllib_remix.checkpoints.reading import CheckpointError, is_there
from rllib_remix.errors import UserError, shown
from rllib_remix.files.text_files import local_path
from rllib_remix.zoo.catalog import located

NEW_STACK_VERSION = 2  # of checkpoints, from RLlib's new API stack on


def find_checkpoint(path: Path) -> Path:
    """`path` if it is a checkpoint or an export, else the newest checkpoint_* in that trial or experiment folder.

    Args:
        path: or `zoo:NAME`, for a team that ships with the package.

    Raises:
        UserError: if there is no such folder, or no checkpoint in it.
        SettingError: there is no team of that name.
    """
    path = local_path("checkpoint", str(located(path))).absolute()
    try:
        there, is_folder = path.exists(), path.is_dir()
    except OSError as error:  # too long a name, no permission
        raise UserError(f"checkpoint {shown(str(path))} cannot be read: {error.strerror}.") from error
    if not there:
        raise UserError(f"checkpoint {str(path)!r} does not exist.")
    if not is_folder:
        raise UserError(f"checkpoint {str(path)!r} is a file; give its folder.")
    if is_there(path, METADATA) or is_export(path) or path.name.startswith("checkpoint_"):
        return path
    found = [
        folder
        for pattern in ("checkpoint_*", "*/checkpoint_*")
        for folder in path.glob(pattern)
        if folder.is_dir()
    ]
    if not found:
        raise UserError(
            f"no checkpoint in {str(path)!r}; a checkpoint is a folder such as checkpoint_000003."
        )
    return newest(found)


def is_export(folder: Path) -> bool:
    """Whether `rllib export` made this folder."""
    from rllib_remix.checkpoints.portable import SETTINGS_FILE, WEIGHTS_FILE

    return not is_there(folder, METADATA) and all(
        is_there(folder, name) for name in (SETTINGS_FILE, WEIGHTS_FILE)
    )


def is_of_team(checkpoint: Path) -> bool:
    """Whether a checkpoint or an export was made by an algorithm of ours; reading it then unpickles nothing."""
    from rllib_remix.checkpoints.team import read_marker

    try:
        return "team" in read_marker(checkpoint)
    except CheckpointError:
        return False


def printed(folder: Path) -> str:
    """A path as it is printed: as it is, unless a terminal would not show it, or obey it."""
    return str(folder) if str(folder).isprintable() else repr(str(folder))


def check_is_readable(checkpoint: Path, *, trust_pickle: bool) -> bool:
    """Whether a checkpoint is of a team (True) or of an algorithm of RLlib's own (False).

    Raises:
        UserError: it is neither, it is of the old API stack, or it is RLlib's own and pickles are not trusted.
    """
    from rllib_remix.checkpoints.team import read_marker

    with told_to_user():
        marker = read_marker(checkpoint)
    if "team" in marker:
        return True
    if is_export(checkpoint):
        raise UserError(
            f"checkpoint {str(checkpoint)!r} is an export of one of RLlib's own algorithms; only its checkpoint can "
            "be played."
        )
    if _major_version(checkpoint, marker) < NEW_STACK_VERSION:
        raise UserError(
            f"checkpoint {str(checkpoint)!r} is of RLlib's old API stack; allowed: a checkpoint of the new one."
        )
    if not trust_pickle:
        raise UserError(
            f"checkpoint {str(checkpoint)!r} is of one of RLlib's own algorithms, which are stored as pickles: to "
            "read them can run any code of whoever made them. If you trust who did, add --trust-pickle."
        )
    return False


@contextmanager
def told_to_user() -> Iterator[None]:
    """Turns what is wrong with a checkpoint into a UserError."""
    try:
        yield
    except CheckpointError as error:
        raise UserError(str(error)) from error


def _major_version(checkpoint: Path, marker: dict[str, Any]) -> int:
    version = marker.get("checkpoint_version")
    major = re.match(r"\d{1,4}(?=\.|$)", str(version)) if isinstance(version, str | float | int) else None
    if major is None:
        raise UserError(
            f"checkpoint {str(checkpoint)!r}: {METADATA} is damaged: checkpoint_version: {shown(version)} is not "
            "allowed; it must be a version, such as '2.1'."
        )
    return int(major.group())
