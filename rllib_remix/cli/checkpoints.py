"""Finds the checkpoint that a user means."""

from __future__ import annotations

from pathlib import Path

from rllib_remix.cli.errors import UserError

CHECKPOINT_MARKER = "rllib_checkpoint.json"


def find_checkpoint(path: Path) -> Path:
    """`path` if it is a checkpoint, else the newest checkpoint_* in that trial or experiment folder.

    Raises:
        UserError: if there is no such folder, or no checkpoint in it.
    """
    path = path.expanduser().absolute()
    if not path.exists():
        raise UserError(f"checkpoint {str(path)!r} does not exist.")
    if not path.is_dir():
        raise UserError(f"checkpoint {str(path)!r} is a file; give its folder.")
    if (path / CHECKPOINT_MARKER).is_file() or path.name.startswith("checkpoint_"):
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
    return max(found, key=lambda folder: (folder.stat().st_mtime, folder.name))


def is_of_team(checkpoint: Path) -> bool:
    """Whether a checkpoint was made by an algorithm of ours, so that `rllib evaluate` can play it."""
    from rllib_remix.policy import CheckpointError, read_metadata

    try:
        read_metadata(checkpoint)
    except CheckpointError:
        return False
    return True
