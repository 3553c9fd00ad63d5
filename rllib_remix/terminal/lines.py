"""Lines for the user: what was asked for goes to stdout, what is only said beside it to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable


def print_line(text: str) -> None:
    """Writes a line to stdout at once."""
    print(text, flush=True)


def print_note(text: str) -> None:
    """Writes a line to stderr at once."""
    print(text, file=sys.stderr, flush=True)


def say_loading(say: Callable[[str], object]) -> None:
    """Says that RLlib is loaded, which takes seconds, unless it is there already."""
    if "ray.rllib" not in sys.modules:
        say("Loading RLlib …")
