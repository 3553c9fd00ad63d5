"""The numbers in the infos of foreign environments, as the info values of a team."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from rllib_remix.envs.foreign.agent_order import COMMON
from rllib_remix.envs.foreign.agent_view import MASK, STATE
from rllib_remix.envs.foreign.scalars import number_in

logger = logging.getLogger(__name__)

MAX_NAMES = 200  # that are kept; an environment that makes new ones for ever would fill the memory
# Masks, the state, and what is reported of every episode anyway.
_NO_VALUES = frozenset((*MASK, STATE, "episode_return", "episode_len"))


class InfoValues:
    """Keeps what N copies say in their latest infos.

    A number is a bool, an int, a float or an array of one. What infos["__common__"] says counts alone; otherwise a
    value is the mean over the agents that have it.

    Attributes:
        arrays: name -> [N] float64, NaN where a copy says nothing.
    """

    def __init__(self, num_envs: int) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._num_envs = num_envs
        self._is_full = False

    def read(self, copy: int, infos: dict[Any, Any]) -> None:
        """Takes over the infos of one copy: agent -> dict, or nothing."""
        for values in self.arrays.values():
            values[copy] = np.nan
        numbers: dict[Any, list[float]] = {}
        for info in infos.values():
            if not info:
                continue
            for name, value in info.items():
                kind = type(value)
                if kind is float or kind is bool:
                    numbers.setdefault(name, []).append(value)
                elif (number := number_in(value)) is not None:
                    numbers.setdefault(name, []).append(number)
        common = infos.get(COMMON) or {}
        for name, given in numbers.items():
            if name in self.arrays or self._makes_room(name):
                of_team = number_in(common.get(name))
                self.arrays[name][copy] = sum(given) / len(given) if of_team is None else of_team

    def _makes_room(self, name: Any) -> bool:
        """For a name that comes for the first time; False if it is no result."""
        if not isinstance(name, str) or name in _NO_VALUES:
            return False
        if len(self.arrays) >= MAX_NAMES:
            if not self._is_full:
                logger.warning(
                    "infos: there are more than %d names of numbers; %r and later ones are left out.",
                    MAX_NAMES,
                    name[:80],
                )
            self._is_full = True
            return False
        self.arrays[name] = np.full(self._num_envs, np.nan)
        return True
