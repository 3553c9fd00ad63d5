"""Checks of user settings; every error names the setting, its value, what is allowed and the nearest name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol

from rllib_remix.errors import SettingError, nearest, shown, unknown
from rllib_remix.ray_releases import check_release_has


def check_keys(
    owner: str, given: Iterable[str], allowed: Collection[str], *, listed: Collection[str] | None = None
) -> None:
    """Raises SettingError for the first key of `given` that is not in `allowed`.

    Where there are hundreds of allowed keys, the message lists only `listed`, and says that RLlib's are as well. One that
    only later releases of Ray have is told as such (UserError).
    """
    for key in given:
        if key not in allowed:
            if listed is not None:
                check_release_has(owner, key)
            guess = nearest(key if isinstance(key, str) else shown(key), allowed)
            hint = f"; did you mean {guess!r}?" if guess else "."
            names = ", ".join(sorted(allowed if listed is None else listed)) or "none"
            others = "" if listed is None else ", and RLlib's own settings"
            raise SettingError(f"{owner}: unknown key {shown(key)}{hint} Allowed: {names}{others}.")


def check_choice(name: str, value: object, allowed: Collection[str]) -> None:
    """Raises SettingError unless `value` is one of `allowed`."""
    # A list from a configuration file cannot be looked up in a dict.
    if not isinstance(value, str) or value not in allowed:
        raise unknown(name, value, allowed)


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    low_open: bool = False,
    high_open: bool = False,
    integer: bool = False,
) -> None:
    """Raises SettingError unless `value` is a finite number in the interval from `low` to `high`."""
    limits = interval_text(low, high, low_open=low_open, high_open=high_open)
    interval = f"{'an integer' if integer else 'a number'} in {limits}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise SettingError(f"{name}: {shown(value)} is of type {type(value).__name__}; allowed: {interval}.")
    try:
        number = float(value)
    except OverflowError:  # An integer beyond all floats.
        number = math.inf
    inside = low < number if low_open else low <= number
    inside = inside and (number < high if high_open else number <= high)
    if not math.isfinite(number) or not inside or (integer and number != int(number)):
        raise SettingError(f"{name}: {shown(value)} is not allowed; it must be {interval}.")


def interval_text(low: float, high: float, *, low_open: bool = False, high_open: bool = False) -> str:
    """An interval as formulas write it, such as "[0, inf)"."""
    return (
        f"{'(' if low_open or low == -math.inf else '['}{low:g}, "
        f"{high:g}{')' if high_open or high == math.inf else ']'}"
    )


def check_flag(name: str, value: object) -> None:
    """Raises SettingError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise SettingError(f"{name}: {shown(value)} is not allowed; it must be true or false.")


def check_schedule(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> None:
    """Raises SettingError unless `value` is a number or a schedule that moves forward.

    Args:
        name: the setting's.
        value: a number in [low, high], or [[0, number], [env steps, number], …] with increasing env steps.
        low, high: limits of the numbers.
    """
    if isinstance(value, Real):
        check_number(name, value, low=low, high=high)
        return
    form = f"a number in [{low:g}, {high:g}] or a schedule [[0, start], [env steps, end], …]"
    # RLlib takes any other sequence for a constant.
    if not isinstance(value, list | tuple) or not all(_is_point(point) for point in value):
        raise SettingError(f"{name}: {shown(value)} is not allowed; it must be {form}.")
    if len(value) < 2 or value[0][0] != 0:
        raise SettingError(
            f"{name}: {shown(value)} is not allowed; it must be {form}, with 2 points or more from 0 on."
        )
    for steps, number in value:
        check_number(f"{name}, env steps of the schedule", steps, low=0)
        check_number(name, number, low=low, high=high)
    if any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(value)):
        raise SettingError(
            f"{name}: the schedule {shown(value)} runs backwards; its env steps must increase."
        )


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list | tuple) and len(point) == 2 and all(isinstance(part, Real) for part in point)
    )


def is_interval(value: Any) -> bool:
    """Whether `value` is (low, high), two finite numbers with low < high."""
    return _is_point(value) and all(map(math.isfinite, value)) and value[0] < value[1]


def check_count(name: str, value: Any, *, low: int, high: float = math.inf) -> None:
    """Raises SettingError unless `value` is an integer from `low` to `high`."""
    check_number(name, value, low=low, high=high, integer=True)
    if not isinstance(value, Integral):  # 2.0, which Python's range() does not take.
        raise SettingError(f"{name}: {shown(value)} is of type {type(value).__name__}; allowed: an integer.")


def check_name_list(name: str, value: object, allowed: Collection[str]) -> None:
    """Raises SettingError unless `value` is a list (maybe empty) of names that are all among `allowed`."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        names = ", ".join(allowed) or "nothing"
        raise SettingError(f"{name}: {shown(value)} is not allowed; it must be a list of {names}.")
    for entry in value:
        check_choice(name, entry, allowed)


# What a setting may be. `check` raises SettingError; `text` says it in tables, after the setting's type.


class Allowed(Protocol):
    """What a setting may be."""

    @property
    def text(self) -> str: ...  # "" where the type says it all

    def check(self, name: str, value: object) -> None: ...  # raises SettingError


class Interval(NamedTuple):
    """Annotation of a setting that is a number: `alpha: Annotated[float, Interval(0, 1)]`."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    integer: bool = False

    @property
    def text(self) -> str:
        return interval_text(self.low, self.high, low_open=self.low_open, high_open=self.high_open)

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless `value` is a finite number in the interval."""
        check_number(name, value, **self._asdict())


class Count(NamedTuple):
    """A setting that counts something."""

    low: int
    high: float = math.inf

    @property
    def text(self) -> str:
        return f"{self.low} or more" if self.high == math.inf else f"{self.low} … {int(self.high):,}"

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless `value` is an integer from `low` to `high`."""
        check_count(name, value, low=self.low, high=self.high)


class Flag(NamedTuple):
    """A setting that is on or off."""

    @property
    def text(self) -> str:
        return ""

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless `value` is True or False."""
        check_flag(name, value)


class OneOf(NamedTuple):
    """Annotation of a setting that is a name: `range_map: Annotated[str, OneOf(("clip", "minmax"))]`."""

    names: Collection[str]

    @property
    def text(self) -> str:
        return ", ".join(f'"{name}"' for name in self.names)

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless `value` is one of the names."""
        check_choice(name, value, self.names)


class SomeOf(NamedTuple):
    """A setting that is a list of names, maybe an empty one."""

    names: Collection[str]

    @property
    def text(self) -> str:
        return ", ".join(f'"{name}"' for name in self.names)

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless `value` is a list of names that are all among these."""
        check_name_list(name, value, self.names)


class Schedule(NamedTuple):
    """A setting that is a number, or changes with the env steps."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def text(self) -> str:
        return f"{interval_text(self.low, self.high)}, or [[0, start], [env steps, end], …]"

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless `value` is a number or a schedule of numbers from `low` to `high`."""
        check_schedule(name, value, self.low, self.high)


class Limits(NamedTuple):
    """A setting that is (low, high): the ends of an interval, both from `least` to `greatest`."""

    least: float = -math.inf
    greatest: float = math.inf
    or_none: bool = False

    @property
    def text(self) -> str:
        bounded = math.isfinite(self.least) or math.isfinite(self.greatest)
        numbers = f"numbers in {interval_text(self.least, self.greatest)}" if bounded else "finite numbers"
        return f"{'None or ' if self.or_none else ''}(low, high), two {numbers}, low < high"

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless `value` is such a pair, or None where that is allowed."""
        if value is None and self.or_none:
            return
        ends: Any = value
        if not is_interval(ends) or ends[0] < self.least or ends[1] > self.greatest:
            raise SettingError(f"{name}: {shown(value)} is not allowed; it must be {self.text}.")
