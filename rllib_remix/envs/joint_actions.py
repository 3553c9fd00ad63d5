"""Actions of several parts, enumerated as one Discrete."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from gymnasium.spaces import Dict, Discrete, MultiBinary, MultiDiscrete, Space, Tuple

MOST_JOINT_ACTIONS = 1024  # that are enumerated; a network has one output for each


def choices(space: Any) -> int | None:
    """The number of choices in a space; None if they cannot be counted, as in a Box."""
    if isinstance(space, Discrete):
        return int(space.n)
    if isinstance(space, MultiDiscrete):
        return prod(int(n) for n in np.ravel(space.nvec))
    if isinstance(space, MultiBinary):
        return 2 ** prod(space.shape)
    if isinstance(space, Tuple | Dict):
        parts = space.values() if isinstance(space, Dict) else space
        counted = [choices(part) for part in parts]
        return prod(n for n in counted if n is not None) if None not in counted else None
    return None


def own_form(space: Space, number: int) -> Any:
    """Choice `number` of a space, as its environment takes it; the last part changes fastest.

    An int for Discrete, an array for MultiDiscrete and MultiBinary, a tuple for Tuple, a dict for Dict.
    """
    if isinstance(space, Discrete):
        return number + int(space.start)
    if isinstance(space, MultiDiscrete):
        index = np.unravel_index(number, np.ravel(space.nvec))
        return (np.reshape(index, space.shape) + space.start).astype(space.dtype)
    if isinstance(space, MultiBinary):
        bits = np.unravel_index(number, (2,) * prod(space.shape))
        return np.reshape(bits, space.shape).astype(space.dtype)
    if isinstance(space, Dict):
        return dict(zip(space.keys(), _of_parts(list(space.values()), number), strict=True))
    assert isinstance(space, Tuple)
    return _of_parts(list(space), number)


def _of_parts(parts: list[Space], number: int) -> tuple[Any, ...]:
    numbers = np.unravel_index(number, [choices(part) or 0 for part in parts])
    return tuple(own_form(part, int(of_part)) for part, of_part in zip(parts, numbers, strict=True))
