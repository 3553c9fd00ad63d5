"""The systems that the package runs on, and what others are told instead of an import error."""

from __future__ import annotations

import sys
from pathlib import PureWindowsPath

from rllib_remix.errors import UserError

NOT_WINDOWS = (
    "rllib_remix runs on Linux and macOS, not on Windows, which lacks the file locks and signals that keep runs from being "
    "lost. Use the Windows Subsystem for Linux: run `wsl --install`, then install rllib_remix there."
)
_USAGE_EXIT_CODE = 2


def check_system() -> None:
    """Says on Windows what to do, before an import of something that is not there fails.

    Raises:
        UserError: this is Windows.
        SystemExit: this is Windows, and the process is the `rllib` command, which says it on one line without a traceback.
    """
    if sys.platform != "win32":
        return
    if _is_command():
        print(f"Error: {NOT_WINDOWS}", file=sys.stderr)
        raise SystemExit(_USAGE_EXIT_CODE)
    raise UserError(NOT_WINDOWS)


def _is_command() -> bool:
    """Whether the process was started as `rllib`, or as `python -m rllib_remix.cli`, which has no name while it is looked up."""
    program = sys.argv[0] if sys.argv else ""
    return program == "-m" or PureWindowsPath(program).stem == "rllib"
