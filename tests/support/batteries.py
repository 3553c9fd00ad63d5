"""Parameters of tests, most of which run in the whole suite alone."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def battery_but(checked: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """All values, marked as a battery but for those that `make check` tries."""
    return [value if value in checked else pytest.param(value, marks=pytest.mark.battery) for value in values]
