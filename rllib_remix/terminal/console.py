"""What the screen can show: a terminal that redraws and has colours, or plain lines for files and simple terminals."""

from __future__ import annotations

import os
import sys
from typing import TextIO

MISSING = "–"


def redraws(stream: TextIO | None = None) -> bool:
    """Whether `stream` (stdout) is a terminal that can move its cursor and whose user did not ask for plain output."""
    return colours_wanted(sys.stdout if stream is None else stream)


def colours_wanted(stream: TextIO) -> bool:
    """Whether `stream` is a terminal, not a dumb one, and NO_COLOR is unset or empty."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in ("dumb", "unknown")
    return stream.isatty() and not plain


def thousands(value: float) -> str:
    """A count with separators: 12,000."""
    return f"{value:,.0f}"


def short_count(value: float) -> str:
    """A count in at most five characters: 950, 12.3k, 1.5M."""
    for limit, divisor, unit in ((1e3, 1, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M")):
        if abs(value) < limit:
            scaled = value / divisor
            decimals = 0 if unit == "" or scaled >= 100 or scaled == int(scaled) else 1
            return f"{scaled:.{decimals}f}{unit}"
    return f"{value / 1e9:.1f}G"


def number(value: float | None, decimals: int = 2) -> str:
    """A number for a table, in at most nine characters, or a dash if there is none."""
    if value is None:
        return MISSING
    return f"{value:.{decimals}f}" if abs(value) < 1e6 else f"{value:.2e}"


def duration(seconds: float | None) -> str:
    """A time span as h:mm:ss, or a dash if it is unknown."""
    if seconds is None:
        return MISSING
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
