"""A stand-in for RLlib's metrics logger: numbers by name, reduced once per call of `reduce`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

Key = tuple[str, ...]

_REDUCE: dict[str, Callable[[list[Any]], Any]] = {
    "mean": np.mean,
    "sum": np.sum,
    "lifetime_sum": np.sum,
    "min": min,
    "max": max,
    "ema": np.mean,
}


class Logged:
    """What was logged under one name, as results hold it."""

    def __init__(self, value: Any):
        self._value = value

    def peek(self) -> Any:
        """The reduced value."""
        return self._value


class MetricsLogger:
    """Takes numbers under names; `reduce` gives the results since the last call of it, and of the whole life."""

    def __init__(self) -> None:
        self._values: dict[Key, list[Any]] = {}
        self._how: dict[Key, str] = {}
        self._lifetime: dict[Key, Any] = {}

    def log_value(
        self, key: str | Key, value: Any, *, reduce: str | None = None, window: int | None = None, **_: Any
    ) -> None:
        """Takes a value, a tensor too; of `window` 1 the latest counts alone. Without `reduce` it is the mean."""
        key = (key,) if isinstance(key, str) else tuple(key)
        self._how[key] = reduce or "mean"
        values = self._values.setdefault(key, [])
        if window == 1 and self._how[key] == "mean":
            values.clear()
        values.append(value.detach() if hasattr(value, "detach") else value)

    @contextlib.contextmanager
    def log_time(self, key: str | Key, **kwargs: Any) -> Iterator[None]:
        """Takes the seconds that the context lasts."""
        start = time.perf_counter()
        yield
        self.log_value(key, time.perf_counter() - start, reduce="ema")

    def reduce(self) -> dict[str, Any]:
        """Nested dictionaries of `Logged`; what was taken is forgotten, but for sums of a lifetime."""
        results: dict[str, Any] = {}
        for key, values in self._values.items():
            how = self._how[key]
            reduced = _REDUCE[how]([float(value) for value in values])
            if how == "lifetime_sum":
                reduced = self._lifetime[key] = self._lifetime.get(key, 0) + reduced
            within = results
            for part in key[:-1]:
                within = within.setdefault(part, {})
            within[key[-1]] = Logged(reduced)
        self._values.clear()
        return results


def peeked(results: Mapping[str, Any]) -> dict[str, Any]:
    """Results with what they hold in the place of what holds it, here and in RLlib's own."""
    return {
        name: peeked(value)
        if isinstance(value, Mapping)
        else value.peek()
        if hasattr(value, "peek")
        else value
        for name, value in results.items()
    }
