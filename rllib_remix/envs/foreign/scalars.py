"""Single numbers and flags out of what foreign environments return in their place."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np


def number_in(value: Any) -> float | None:
    """The one number that a value is or, as an array of one, holds; None if it is nothing of the kind."""
    if isinstance(value, np.ndarray):
        if value.size != 1:
            return None
        value = value.reshape(-1)[0]
    if not isinstance(value, Real | np.bool_):
        return None
    try:
        return float(value)
    except OverflowError:  # An integer beyond all floats.
        return math.inf


def flag_in(value: Any) -> bool | None:
    """The truth value that a value is: True or False, 1 or 0, None for no; None if it is nothing of the kind."""
    if value is None:
        return False
    number = number_in(value)
    return None if number not in (0.0, 1.0) else number == 1.0
