"""Finds the checkpoint that a user means, and says whose it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rllib_remix.cli.errors import UserError
from rllib_remix.cli.newest import newest
from rllib_remix.manifest import METADATA

NEW_STACK_VERSION = 2  # of checkpoints, from RLlib's new API stack on


def find_checkpoint(path: Path) -> Path:
    """`path` if it is a checkpoint or an export, else the newest checkpoint_* in that trial or experiment folder.

    Raises:
        UserError: if there is no such folder, or no checkpoint in it.
    """
    path = path.expanduser().absolute()
    if not path.exists():
        raise UserError(f"checkpoint {str(path)!r} does not exist.")
    if not path.is_dir():
        raise UserError(f"checkpoint {str(path)!r} is a file; give its folder.")
    if (path / METADATA).is_file() or is_export(path) or path.name.startswith("checkpoint_"):
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
    from rllib_remix.portable import SETTINGS_FILE, WEIGHTS_FILE

    return (folder / SETTINGS_FILE).is_file() and (folder / WEIGHTS_FILE).is_file()


def is_of_team(checkpoint: Path) -> bool:
    """Whether a checkpoint or an export was made by an algorithm of ours; reading it then unpickles nothing."""
    from rllib_remix.portable import SETTINGS_FILE

    file = checkpoint / METADATA
    if not file.is_file():
        file = checkpoint / SETTINGS_FILE
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(metadata, dict) and "team" in metadata


def check_is_readable(checkpoint: Path, *, trust_pickle: bool) -> bool:
    """Whether a checkpoint is of a team (True) or of an algorithm of RLlib's own (False).

    Raises:
        UserError: it is neither, it is of the old API stack, or it is RLlib's own and pickles are not trusted.
    """
    if is_of_team(checkpoint):
        return True
    if is_export(checkpoint):
        raise UserError(
            f"checkpoint {str(checkpoint)!r} is an export of one of RLlib's own algorithms; only its checkpoint can "
            "be played."
        )
    if _marker(checkpoint)["major_version"] < NEW_STACK_VERSION:
        raise UserError(
            f"checkpoint {str(checkpoint)!r} is of RLlib's old API stack; allowed: a checkpoint of the new one."
        )
    if not trust_pickle:
        raise UserError(
            f"checkpoint {str(checkpoint)!r} is of one of RLlib's own algorithms, which are stored as pickles: to "
            "read them can run any code of whoever made them. If you trust who did, add --trust-pickle."
        )
    return False


def _marker(checkpoint: Path) -> dict[str, Any]:
    file = checkpoint / METADATA
    if not file.is_file():
        raise UserError(
            f"checkpoint {str(checkpoint)!r}: there is no {METADATA} in it; allowed: the folder of a "
            "checkpoint."
        )
    try:
        marker = json.loads(file.read_text(encoding="utf-8"))
        return {**marker, "major_version": int(str(marker["checkpoint_version"]).split(".")[0])}
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise UserError(f"checkpoint {str(checkpoint)!r}: {METADATA} is damaged ({error!r}).") from error
