"""Lines for the user: what was asked for goes to stdout, what is only said beside it to stderr."""

from __future__ import annotations

import sys


def print_line(text: str) -> None:
    """Writes a line to stdout at once."""
    print(text, flush=True)


def print_note(text: str) -> None:
    """Writes a line to stderr at once."""
    print(text, file=sys.stderr, flush=True)
