"""One agent of a foreign environment: its spaces, read as flat arrays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary

from rllib_remix.envs.agent_layout import LISTED, Layout, entry_of, grouped
from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.joint_actions import MOST_JOINT_ACTIONS, choices
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_keys

COMPACT_DTYPES = (np.dtype(np.uint8), np.dtype(np.int8), np.dtype(bool))
# Names in Dict observations: PettingZoo's, and those of RLlib's own QMIX.
OBSERVATION, STATE = ("observation", "obs"), "state"
MASK = ("action_mask", "avail_actions", "available_actions", *LISTED)
KEYS = frozenset((*OBSERVATION, *MASK, STATE))


@dataclass(frozen=True)
class AgentView:
    """What one agent of a foreign environment sees and may do, as flat arrays."""

    space: gym.Space  # of the observation proper, without mask and state
    key: str | None  # under which the observation proper is, None if it is no such Dict
    mask_key: str | None  # under which a Dict observation has the action mask, if it has one
    state_space: gym.Space | None  # of the "state" in a Dict observation, if it has one
    size: int  # numbers in a flat observation
    dtype: np.dtype  # uint8, int8 or bool if the space has it, float32 otherwise
    n_actions: int
    first_action: int  # Discrete(start=…)
    joint_space: gym.Space | None = (
        None  # of actions of several parts, enumerated from 0 on; None for Discrete
    )

    def read(self, observation: Any, info: dict, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray | None]:
        """The flat observation [size] of `dtype` and the mask [n_actions] bool, None for all actions.

        A mask may be all False; who calls decides whether it can be.

        Raises:
            TeamEnvError: a shape, value or key that does not fit the space.
        """
        mask = name = None
        if self.key is not None:
            name, mask = self._check_keys(observation)
            observation = observation[self.key]
        if mask is None and info:
            name, mask = _mask_in(info)
        if mask is None and self.mask_key is not None:
            raise TeamEnvError(f"the observation has no {self.mask_key!r}, though its space has.")
        try:
            seen = read_flat(self.space, observation, dtype, "observation")
        except TeamEnvError:
            raise
        except (TypeError, ValueError) as error:
            raise TeamEnvError(
                f"the observation cannot be read as its space {self.space} ({error})."
            ) from error
        return seen, None if mask is None or name is None else self._mask(name, mask)

    def _check_keys(self, observation: Any) -> tuple[str | None, Any]:
        """The mask in a Dict observation with its name, None if there is none."""
        if not isinstance(observation, dict) or self.key not in observation:
            raise TeamEnvError(
                f"the observation is {_short(observation)}, expected a dict with {self.key!r}."
            )
        if not observation.keys() <= KEYS:
            try:
                check_keys("the observation", map(str, observation), KEYS)
            except SettingError as error:
                raise TeamEnvError(str(error)) from None
        return _mask_in(observation)

    def _mask(self, name: str, mask: Any) -> np.ndarray:
        try:
            given = np.asarray(mask)
        except ValueError as error:
            raise TeamEnvError(f"{name} is {_short(mask)}, which is no array ({error}).") from error
        if name in LISTED and given.dtype != bool and given.ndim == 1:
            given = self._of_list(name, given, may_be_both=isinstance(mask, np.ndarray))
        if given.shape != (self.n_actions,):
            raise TeamEnvError(f"{name} has shape {given.shape}, expected {(self.n_actions,)}.")
        if given.dtype == bool:
            return given
        available = given.astype(bool) if given.dtype.kind in "biuf" else np.zeros(given.shape, bool)
        if given.dtype.kind not in "biuf" or not (available == given).all():
            raise TeamEnvError(
                f"{name} is {_short(mask)}; it may hold 0 (unavailable) and 1 (available) only."
            )
        return available

    def _of_list(self, name: str, given: np.ndarray, *, may_be_both: bool) -> np.ndarray:
        """A mask out of a list of actions; what is a mask already, or neither, as it is."""
        if not given.size:
            return np.zeros(self.n_actions, bool)
        if given.dtype.kind not in "iu":
            return given
        actions = given - self.first_action
        is_mask = given.shape == (self.n_actions,) and bool(np.isin(given, (0, 1)).all())
        is_list = (
            len({*actions.tolist()}) == given.size and 0 <= actions.min() <= actions.max() < self.n_actions
        )
        if is_mask and is_list and not may_be_both:
            raise TeamEnvError(
                f"{name} is {given.tolist()}, which can be a list of actions and a mask; give the mask as an array, "
                "under 'action_mask'."
            )
        if is_mask or not is_list:
            return given
        mask = np.zeros(self.n_actions, bool)
        mask[actions] = True
        return mask


def _mask_in(values: dict) -> tuple[str | None, Any]:
    """The first mask of an observation or info, with its name; None if there is none."""
    for name in MASK:
        if name in values:
            return name, values[name]
    return None, None


def read_flat(space: gym.Space, value: Any, dtype: np.dtype, what: str) -> np.ndarray:
    """A value of a space as a flat array of `dtype`.

    Raises:
        TeamEnvError: it does not fit the space or the dtype, or is not finite.
        TypeError, ValueError: it is nothing that NumPy can read.
    """
    if isinstance(space, Box | MultiBinary):
        flat = np.asarray(value)
        if flat.shape != space.shape:
            raise TeamEnvError(f"the {what} has shape {flat.shape}, expected {space.shape}.")
    elif space.contains(value):
        flat = np.asarray(gym.spaces.flatten(space, value))
    else:
        raise TeamEnvError(f"the {what} {_short(value)} is not in its space {_short(space)}.")
    if flat.dtype.kind not in "biuf":
        raise TeamEnvError(f"the {what} holds something that is no number ({flat.dtype}).")
    cast = flat.ravel()
    if flat.dtype != dtype:
        with np.errstate(over="ignore", invalid="ignore"):
            cast = cast.astype(dtype)
    if dtype.kind == "f" and not np.isfinite(cast).all():
        raise TeamEnvError(f"the {what} holds NaN, infinity or more than {dtype} can hold.")
    if dtype in COMPACT_DTYPES and flat.dtype != dtype and (cast != flat.ravel()).any():
        raise TeamEnvError(f"the {what} holds values that its space, of {dtype}, cannot hold.")
    return cast


def agent_view(agent: Hashable, observation_space: Any, action_space: Any) -> AgentView:
    """Reads off the spaces of one agent.

    Raises:
        SettingError: the actions are not Discrete and cannot be enumerated, or the observation space cannot be made
            flat.
    """
    n_actions = _count_actions(agent, action_space)
    is_plain = isinstance(action_space, Discrete)
    space, key, mask_key, state_space = observation_space, None, None, None
    if isinstance(space, Dict) and KEYS & set(space.keys()):
        owner = f"observation space of agent {agent!r}"
        # Beside what the mixer sees and what is masked, an unknown key would be lost.
        check_keys(owner, map(str, space.keys()), KEYS)
        key, mask_key = _one_of(owner, space, OBSERVATION), _one_of(owner, space, MASK)
        if key is None:
            raise SettingError(
                f"{owner}: {', '.join(space.keys())} without what the agent sees; it must have 'obs' or 'observation'."
            )
        _check_mask_space(owner, mask_key, space, n_actions)
        space, state_space = space.spaces[key], space.spaces.get(STATE)
    if not isinstance(space, gym.Space) or not space.is_np_flattenable:
        raise SettingError(
            f"observation space of agent {agent!r}: {_short(observation_space)} is not allowed; it must be Box, Discrete, "
            'MultiBinary, or Dict with one of these as "observation" or "obs" and, optionally, "action_mask" or '
            '"avail_actions", and "state".'
        )
    if state_space is not None and not state_space.is_np_flattenable:
        raise SettingError(
            f"state space of agent {agent!r}: {_short(state_space)} is not allowed; it must be Box or alike."
        )
    dtype = np.dtype(gym.spaces.flatten_space(space).dtype)
    return AgentView(
        space=space,
        key=key,
        mask_key=mask_key,
        state_space=state_space,
        size=gym.spaces.flatdim(space),
        dtype=dtype if dtype in COMPACT_DTYPES else np.dtype(np.float32),
        n_actions=n_actions,
        first_action=int(action_space.start) if is_plain else 0,
        joint_space=None if is_plain else action_space,
    )


def _count_actions(agent: Hashable, space: Any) -> int:
    """How many there are, with those of several parts counted together."""
    count = choices(space)
    where = f"action space of agent {agent!r}: {_short(space)}"
    if count is None:
        raise SettingError(
            f"{where} is not allowed; it must be Discrete, or MultiDiscrete, MultiBinary, Tuple or Dict of Discretes. "
            "Many environments can be made with discrete actions, by continuous_actions=False or continuous=False."
        )
    if not isinstance(space, Discrete) and count > MOST_JOINT_ACTIONS:
        raise SettingError(
            f"{where} has {count:,} joint choices; they are enumerated as one Discrete up to {MOST_JOINT_ACTIONS:,}. "
            "Leave parts out, or make an agent of every part."
        )
    return count


def _one_of(owner: str, space: Dict, names: tuple[str, ...]) -> str | None:
    found = [name for name in names if name in space.spaces]
    if len(found) > 1:
        raise SettingError(
            f"{owner}: it has {' and '.join(map(repr, found))}, which mean the same; allowed: one."
        )
    return found[0] if found else None


def _check_mask_space(owner: str, mask_key: str | None, space: Dict, n_actions: int) -> None:
    if mask_key is not None and space.spaces[mask_key].shape not in (None, (n_actions,)):
        raise SettingError(
            f"{owner}: {mask_key!r} has shape {space.spaces[mask_key].shape}; it must be {(n_actions,)}, one entry for "
            "each action."
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def layout_of_views(
    names: Sequence[str], spaces: Sequence[tuple[Any, Any]], views: Sequence[AgentView]
) -> Layout | None:
    """The layout of a team's arrays for exports; None if an agent's space is of a kind that those do not know.

    Args:
        names: of the agents. spaces: the observation and the action space of each. views: what was read off them.
    """
    entries = [
        entry_of(
            *of_agent,
            observation_key=view.key,
            mask_key=view.mask_key,
            obs_size=view.size,
            n_actions=view.n_actions,
            first_action=view.first_action,
        )
        for of_agent, view in zip(spaces, views, strict=True)
    ]
    known = [entry for entry in entries if entry is not None]
    return grouped(zip(names, known, strict=True)) if len(known) == len(entries) else None
