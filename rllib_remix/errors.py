"""Errors that speak to users: what they say of a value and of names, on one line that a terminal can show."""

from __future__ import annotations

import difflib
import itertools
import math
import reprlib
from collections.abc import Collection, Iterable
from typing import Any

MAX_SHOWN = 200  # characters of a value in a message


class SettingError(ValueError):
    """A setting that cannot be: unknown, of the wrong type or out of its range."""


class UserError(Exception):
    """Something else that the user can mend: a missing file, an option that cannot be, a damaged checkpoint."""


def shown(value: object) -> str:
    """A value as messages show it: its repr, printable, on one line, and at most 200 characters of it.

    An integer stands whole up to 4,000 digits, because cut off it would be another one; only Python can give such.
    """
    try:
        if type(value) is int:
            return _REPR.repr(value)
        text = _REPR.repr(value)
    except Exception:  # Whatever a stranger's __repr__ raises.
        text = f"<{type(value).__name__}>"
    text = printable(text)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def printable(text: str) -> str:
    """`text` on one line, with escapes in the place of what a terminal would not show, or obey."""
    return "".join(
        mark if mark.isprintable() else mark.encode("unicode_escape").decode("ascii")
        for mark in " ".join(text.split())
    )


class _Bounded(reprlib.Repr):
    """Looks at no more of a value than will be shown."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 6
        self.maxdict = self.maxlist = self.maxtuple = 12
        self.maxstring = self.maxother = MAX_SHOWN
        self._left = MAX_SHOWN

    def repr(self, x: Any) -> str:
        self._left = MAX_SHOWN
        return super().repr(x)

    def repr1(self, x: Any, level: int) -> str:
        # Every value takes a character of the message at least, however they are nested.
        self._left -= 1
        return "…" if self._left < 0 else super().repr1(x, level)

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write out integers of more than 4,300 digits, and is slow before that."""
        digits = int(x.bit_length() * math.log10(2)) + 1
        return repr(x) if digits <= 4000 else f"an integer of about {digits} digits"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """In the user's order; reprlib would sort."""
        if level <= 0 and x:
            return "{…}"
        parts = [
            f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}"
            for key, value in itertools.islice(x.items(), self.maxdict)
        ]
        return f"{{{', '.join([*parts, *(['…'] if len(x) > self.maxdict else [])])}}}"


_REPR = _Bounded()


def nearest(name: object, allowed: Iterable[str]) -> str | None:
    """The allowed name that `name` is most likely a misspelling of, or None (letter case is ignored)."""
    by_lower = {str(candidate).lower(): str(candidate) for candidate in allowed}
    found = difflib.get_close_matches(str(name)[:MAX_SHOWN].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def unknown(what: str, name: object, allowed: Collection[str]) -> SettingError:
    """The error for a name that is not among `allowed`, with a suggestion."""
    guess = nearest(name if isinstance(name, str) else shown(name), allowed)
    hint = f"; did you mean {guess!r}?" if guess else "."
    return SettingError(
        f"{what}: unknown name {shown(name)}{hint} Allowed: {', '.join(sorted(map(str, allowed)))}."
    )
