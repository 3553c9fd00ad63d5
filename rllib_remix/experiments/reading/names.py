"""Names of experiments, which become folders."""

from __future__ import annotations

from rllib_remix.errors import UserError, shown

MAX_NAME = 200  # bytes of a folder's name; file systems take 255


def check_folder_name(option: str, name: str) -> str:
    """`name` if it can be one sub-folder's name.

    Raises:
        UserError: if it is empty, has a path separator, or means another folder.
    """
    if not name.strip() or name in (".", "..") or any(mark in name for mark in "/\\\0"):
        raise UserError(
            f"{option}: {shown(name)} is not allowed; it must be the name of one folder (no '/')."
        )
    if not name.isprintable():
        raise UserError(
            f"{option}: {shown(name)} is not allowed; a name has no line breaks or control characters."
        )
    if len(name.encode()) > MAX_NAME:
        raise UserError(f"{option}: {shown(name)} is not allowed; a name has {MAX_NAME} bytes at most.")
    return name
