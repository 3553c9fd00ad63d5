"""What a translation of old settings gathers: settings of now, notes, and what cannot be taken over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.search.spaces import GRID


class NotTaken(Exception):
    """A value of an old setting that cannot be taken over; its text says what to use."""


@dataclass
class Translation:
    """Settings of one file, on their way from the old API stack's names to those of now."""

    owner: str  # what the settings are of, for messages
    algorithm: str  # as in FATES_BY_ALGORITHM
    given: Mapping[str, Any]  # as they were written
    prefix: str = ""  # before the names of settings: "evaluation_config." within it
    outside: Mapping[str, Any] = field(
        default_factory=dict
    )  # within evaluation_config: what is given beside it
    new: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)  # what to use → what cannot be taken over

    def set(self, key: str, name: str, value: Any) -> None:
        """`name` becomes `value`, because `key` was given; a fault if both are, or two old names of it."""
        if name != key and (name in self.given or name in self.new):
            self.fault(key, f"is read as {name.strip('_')}, which is given too; give one.")
        self.new[name] = value

    def merge(self, key: str, name: str, value: Mapping[str, Any]) -> None:
        """The dict `name` takes over the keys of `value`; a fault if it has one of them with another value."""
        there = self.new.setdefault(name, {})
        if not isinstance(there, dict) or GRID in there or GRID in value:
            if there:
                raise NotTaken(
                    f"it becomes a part of {name.strip('_')}, of which a grid is searched; give one"
                )
            self.new[name] = dict(value)
            return
        for part, setting in value.items():
            if part in there and there[part] != setting:
                raise NotTaken(
                    f"it is read as {name.strip('_')}: {part}, which is {shown(there[part])}; give one"
                )
            there[part] = setting

    def note(self, key: str, text: str) -> None:
        """Says how a setting was read."""
        self.notes.append(f"{self.owner}: {self.prefix}{key} {text}")

    def refuse(self, key: str, value: Any, instead: str) -> None:
        """Says that a setting cannot be taken over, and what to use."""
        self.fault(f"{key}: {shown(value)}", f"cannot be taken over; {instead}.")

    def fault(self, what: str, why: str) -> None:
        """Something that must be mended; what has the same remedy is told together."""
        there = self.faults.setdefault(why, [])
        if self.prefix + what not in there:
            there.append(self.prefix + what)

    def check(self) -> None:
        """Raises UserError with everything that cannot be taken over."""
        if self.faults:
            faults = (f"{', '.join(what)} {why}" for why, what in self.faults.items())
            raise UserError(f"{self.owner}: {' Also: '.join(faults)}")


def choices(value: Any) -> list[Any]:
    """The values among which a grid or a choice searches, or the one value."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, values),) = value.items()
        if name in (GRID, "choice") and isinstance(values, list):
            return values
    return [value]


def each(value: Any, function: Callable[[Any], Any]) -> Any:
    """`function` of the value, or of each value of a grid or a choice."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, values),) = value.items()
        if name in (GRID, "choice") and isinstance(values, list):
            return {name: [function(part) for part in values]}
    return function(value)
