"""One agent of a foreign environment: its spaces, read as flat arrays."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.settings import SettingError, check_keys

COMPACT_DTYPES = (np.dtype(np.uint8), np.dtype(np.int8), np.dtype(bool))
_OBSERVATION_KEYS = ("observation", "action_mask", "state")


@dataclass(frozen=True)
class AgentView:
    """What one agent of a foreign environment sees and may do, as flat arrays."""

    space: gym.Space  # of the observation proper, without mask and state
    in_dict: bool  # whether observations are {"observation": …, "action_mask": …}
    size: int  # numbers in a flat observation
    dtype: np.dtype  # uint8, int8 or bool if the space has it, float32 otherwise
    n_actions: int
    first_action: int  # Discrete(start=…)

    def read(self, observation: Any, info: dict, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """The flat observation [size] of `dtype` and the mask [n_actions] bool.

        Raises:
            TeamEnvError: a shape, value or key that does not fit the space; a mask without any action.
        """
        mask = info.get("action_mask")
        if self.in_dict:
            if not isinstance(observation, dict) or "observation" not in observation:
                raise TeamEnvError(f"the observation is {observation!r}, expected a dict with 'observation'.")
            mask = observation.get("action_mask", mask)
            observation = observation["observation"]
        return self._flat(observation, dtype), self._mask(mask)

    def _flat(self, observation: Any, dtype: np.dtype) -> np.ndarray:
        if isinstance(self.space, Box | MultiBinary):
            flat = np.asarray(observation)
            if flat.shape != self.space.shape:
                raise TeamEnvError(f"the observation has shape {flat.shape}, expected {self.space.shape}.")
        elif self.space.contains(observation):
            flat = np.asarray(gym.spaces.flatten(self.space, observation))
        else:
            raise TeamEnvError(f"the observation {observation!r} is not in its space {self.space}.")
        if flat.dtype.kind not in "biuf" or not np.isfinite(flat).all():
            raise TeamEnvError("the observation holds NaN, infinity or something that is no number.")
        cast = flat.astype(dtype).ravel()
        if dtype in COMPACT_DTYPES and (cast != flat.ravel()).any():
            raise TeamEnvError(f"the observation holds values that its space, of {dtype}, cannot hold.")
        return cast

    def _mask(self, mask: Any | None) -> np.ndarray:
        if mask is None:
            return np.ones(self.n_actions, bool)
        given = np.asarray(mask)
        if given.shape != (self.n_actions,):
            raise TeamEnvError(f"action_mask has shape {given.shape}, expected {(self.n_actions,)}.")
        if not ((given == 0) | (given == 1)).all():
            raise TeamEnvError(
                f"action_mask is {mask!r}; it may hold 0 (unavailable) and 1 (available) only."
            )
        if not given.any():
            raise TeamEnvError("action_mask leaves no action available; an agent in play needs at least one.")
        return given.astype(bool)


def agent_view(agent: Hashable, observation_space: Any, action_space: Any) -> AgentView:
    """Reads off the spaces of one agent.

    Raises:
        SettingError: the action space is not Discrete, or the observation space cannot be made flat.
    """
    if not isinstance(action_space, Discrete):
        raise SettingError(
            f"action space of agent {agent!r}: {action_space} is not allowed; it must be Discrete."
        )
    space, in_dict = observation_space, False
    if isinstance(space, Dict) and {"observation", "action_mask"} & set(space.keys()):
        check_keys(f"observation space of agent {agent!r}", space.keys(), _OBSERVATION_KEYS)
        space, in_dict = space.spaces.get("observation"), True
    if not isinstance(space, gym.Space) or not space.is_np_flattenable:
        raise SettingError(
            f"observation space of agent {agent!r}: {observation_space} is not allowed; it must be Box, Discrete, "
            'MultiBinary, or Dict with one of these as "observation" and, optionally, "action_mask" and "state".'
        )
    dtype = np.dtype(gym.spaces.flatten_space(space).dtype)
    return AgentView(
        space=space,
        in_dict=in_dict,
        size=gym.spaces.flatdim(space),
        dtype=dtype if dtype in COMPACT_DTYPES else np.dtype(np.float32),
        n_actions=int(action_space.n),
        first_action=int(action_space.start),
    )
