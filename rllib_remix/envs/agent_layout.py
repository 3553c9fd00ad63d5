"""What the agents of a team see and do, as JSON: how the arrays of a team are made of what an environment shows.

Checkpoints and exports hold it, so that a team can be driven without the environment that it was trained in:

    [{"agents": ["speaker_0"], "observation_space": {"space": "Box", "shape": [3], "dtype": "float32"},
      "action_space": {"space": "Discrete", "n": 3, "start": 0}, "observation_key": null, "mask_key": null,
      "obs_size": 3, "n_actions": 3, "first_action": 0}, …]

Agents that are alike share an entry. Arrays are flattened row by row, Discrete becomes a one-hot, MultiDiscrete the
one-hots of its parts, Tuple and Dict what is in them, one after the other; then zeros follow up to the team's obs_dim.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space, Tuple

from rllib_remix.envs.joint_actions import choices
from rllib_remix.errors import shown

MOST_NUMBERS = 2**28  # in a space
MOST_ACTIONS = 2**16  # in the parts of an action space
_KINDS = ("Box", "Discrete", "MultiDiscrete", "MultiBinary", "Tuple", "Dict")
_DTYPES = (
    *("float16", "float32", "float64", "bool"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)

# PettingZoo's older games and OpenSpiel list under these names what may be done; as an array of 0 and 1 it is a mask.
LISTED = ("legal_moves", "legal_actions")

Layout = list[dict[str, Any]]


def grouped(of_agents: Iterable[tuple[str, dict[str, Any]]]) -> Layout:
    """One entry for all agents that are alike, in the order of their first.

    Args:
        of_agents: name and entry, without "agents", of each.
    """
    groups: Layout = []
    for name, entry in of_agents:
        alike = next((group for group in groups if {**group, "agents": 0} == {"agents": 0, **entry}), None)
        if alike is None:
            groups.append({"agents": [name], **entry})
        else:
            alike["agents"].append(name)
    return groups


def entry_of(
    observation_space: Space,
    action_space: Space,
    *,
    observation_key: str | None,
    mask_key: str | None,
    obs_size: int,
    n_actions: int,
    first_action: int = 0,
) -> dict[str, Any] | None:
    """One agent's entry, without its name; None for spaces that JSON does not know here.

    Args:
        observation_space: of the observation proper if it has no key, else the Dict that it is in.
        action_space: the agent's.
        observation_key, mask_key: under which a Dict has what the agent sees, and what it may do.
        obs_size: numbers in the flat observation.
        n_actions, first_action: actions are first_action, first_action + 1, …
    """
    if isinstance(observation_space, Dict) and observation_key is not None:
        kept = [key for key in (observation_key, mask_key) if key is not None]
        observation_space = Dict(OrderedDict((key, observation_space.spaces[key]) for key in kept))
    spaces = _as_json(observation_space), _as_json(action_space)
    if None in spaces:
        return None
    return {
        "observation_space": spaces[0],
        "action_space": spaces[1],
        "observation_key": observation_key,
        "mask_key": mask_key,
        "obs_size": int(obs_size),
        "n_actions": int(n_actions),
        "first_action": int(first_action),
    }


def array_entry(obs_dim: int, obs_dtype: str, n_actions: int) -> dict[str, Any]:
    """The entry of agents that show {"observation": [O], "action_mask": [U]}, as `TeamParallelEnv` does."""
    seen = {"space": "Box", "shape": [obs_dim], "dtype": obs_dtype}
    mask = {"space": "Box", "shape": [n_actions], "dtype": "int8"}
    return {
        "observation_space": {"space": "Dict", "spaces": {"observation": seen, "action_mask": mask}},
        "action_space": {"space": "Discrete", "n": n_actions, "start": 0},
        "observation_key": "observation",
        "mask_key": "action_mask",
        "obs_size": obs_dim,
        "n_actions": n_actions,
        "first_action": 0,
    }


def spaces_of(layout: Layout) -> dict[str, tuple[Space, Space]]:
    """Agent -> observation and action space, of a layout that `check_layout` passed."""
    found: dict[str, tuple[Space, Space]] = {}
    for entry in layout:
        spaces = space_from_json(entry["observation_space"]), space_from_json(entry["action_space"])
        found |= dict.fromkeys(entry["agents"], spaces)
    return found


def check_layout(layout: Any, team: dict[str, Any]) -> None:
    """Checks the layout in a checkpoint, which may come from a stranger.

    Args:
        layout: what stands there.
        team: the TeamSpec there, as a dict, checked before.

    Raises:
        ValueError: what is wrong, for people.
    """
    if not isinstance(layout, list) or not all(isinstance(entry, dict) for entry in layout):
        raise ValueError(f"{shown(layout)} is not allowed; it must be a list of objects")
    named: list[Any] = []
    for entry in layout:
        agents = entry.get("agents")
        if not isinstance(agents, list):
            raise ValueError(f"agents: {shown(agents)} is not allowed; it must be a list of names")
        named += agents
        for name, most in (("obs_size", team["obs_dim"]), ("n_actions", team["n_actions"])):
            if not _is_size(entry.get(name), low=1, high=most):
                raise ValueError(
                    f"{name}: {shown(entry.get(name))} is not allowed; it must be an integer from 1 to {most}"
                )
        _check_spaces(entry)
    if sorted(map(str, named)) != sorted(team["agents"]):
        raise ValueError(
            f"agents: {shown(named)} is not allowed; each agent of the team must be in one entry"
        )


def _check_spaces(entry: dict[str, Any]) -> None:
    """Raises ValueError unless the spaces have the sizes that the entry says, so that no larger ones are made."""
    seen, key, mask_key = entry.get("observation_space"), entry.get("observation_key"), entry.get("mask_key")
    if key is not None:
        parts = seen.get("spaces") if isinstance(seen, dict) and seen.get("space") == "Dict" else None
        names = [key] if mask_key is None else [key, mask_key]
        if not isinstance(parts, dict) or list(parts) != names:
            raise ValueError(f"observation_space: {shown(seen)} is not allowed; it must be a Dict of {names}")
        mask_size = entry["n_actions"] if mask_key is None else _size_of("observation_space", parts[mask_key])
        if mask_key in LISTED and mask_size > MOST_ACTIONS:
            raise ValueError(
                f"observation_space: {shown(mask_key)} has {mask_size} numbers, which are too many"
            )
        if mask_key not in LISTED and mask_size != entry["n_actions"]:
            raise ValueError(f"observation_space: the size of {shown(mask_key)} must be n_actions")
        seen = parts[key]
    if _size_of("observation_space", seen) != entry["obs_size"]:
        raise ValueError(f"observation_space: {shown(seen)} is not allowed; its size must be obs_size")
    if _size_of("action_space", entry.get("action_space")) > MOST_ACTIONS:
        raise ValueError(f"action_space: {shown(entry['action_space'])} is not allowed; it is too large")
    if choices(space_from_json(entry["action_space"])) != entry["n_actions"]:
        raise ValueError(
            f"action_space: {shown(entry['action_space'])} is not allowed; it must have n_actions choices"
        )


def space_from_json(value: dict[str, Any]) -> Space:
    """The space; the numbers in a Box may be any of its dtype."""
    kind = value["space"]
    if kind == "Tuple":
        return Tuple([space_from_json(part) for part in value["spaces"]])
    if kind == "Dict":
        parts = OrderedDict((key, space_from_json(part)) for key, part in value["spaces"].items())
        return Dict(parts)
    if kind == "Discrete":
        return Discrete(value["n"], start=value["start"])
    if kind == "MultiDiscrete":
        return MultiDiscrete(np.array(value["nvec"]), start=np.array(value["start"]))
    shape = tuple(value["shape"])
    return MultiBinary(shape) if kind == "MultiBinary" else _widest(shape, np.dtype(value["dtype"]))


def _as_json(space: Space) -> dict[str, Any] | None:
    if isinstance(space, Tuple | Dict):
        inner = space.spaces.items() if isinstance(space, Dict) else enumerate(space.spaces)
        parts = [(key, _as_json(part)) for key, part in inner]
        if any(part is None or not isinstance(key, str | int) for key, part in parts):
            return None
        if isinstance(space, Dict):
            return {"space": "Dict", "spaces": dict(parts)} if all(type(k) is str for k, _ in parts) else None
        return {"space": "Tuple", "spaces": [part for _, part in parts]}
    if isinstance(space, Box):
        return {"space": "Box", "shape": list(map(int, space.shape)), "dtype": space.dtype.name}
    if isinstance(space, Discrete):
        return {"space": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, MultiDiscrete):
        return {"space": "MultiDiscrete", "nvec": space.nvec.tolist(), "start": space.start.tolist()}
    if isinstance(space, MultiBinary):
        return {"space": "MultiBinary", "shape": list(map(int, space.shape))}
    return None


def _size_of(where: str, value: Any) -> int:
    """How many numbers a flat value of a space in JSON has. Raises ValueError if it is none that can be made."""
    kind = value.get("space") if isinstance(value, dict) else None
    if kind in ("Tuple", "Dict"):
        parts = value.get("spaces")
        if kind == "Dict":
            parts = list(parts.values()) if isinstance(parts, dict) else None
        if parts and isinstance(parts, list):
            return sum(_size_of(where, part) for part in parts)
    elif kind == "Discrete":
        if _is_size(value.get("n"), low=1) and _is_size(value.get("start"), low=-(2**31), high=2**31):
            return value["n"]
    elif kind == "MultiDiscrete":
        if _is_nvec(value.get("nvec"), value.get("start")):
            return int(np.sum(value["nvec"]))
    elif kind in ("Box", "MultiBinary"):
        dtype = value.get("dtype") if kind == "Box" else "int8"
        if _is_shape(value.get("shape")) and dtype in _DTYPES:
            return math.prod(value["shape"])
    raise ValueError(
        f"{where}: {shown(value)} is not allowed; it must be one of {', '.join(_KINDS)}, with its sizes"
    )


def _is_size(value: Any, *, low: int = 0, high: int = MOST_NUMBERS) -> bool:
    return type(value) is int and low <= value <= high


def _is_shape(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > 32 or not all(_is_size(side, low=1) for side in value):
        return False
    return math.prod(value) <= MOST_NUMBERS


def _is_nvec(nvec: Any, start: Any) -> bool:
    try:
        sizes, first = np.array(nvec), np.array(start)
    except ValueError:
        return False
    integers = sizes.dtype.kind == first.dtype.kind == "i" and sizes.shape == first.shape and sizes.size > 0
    return integers and sizes.min() >= 1 and int(sizes.clip(max=MOST_NUMBERS).sum()) <= MOST_NUMBERS


def _widest(shape: tuple[int, ...], dtype: np.dtype) -> Box:
    if dtype.kind == "f":
        low, high = -np.inf, np.inf
    else:
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return Box(low, high, shape, dtype.type)
