"""What a replay buffer keeps of an episode: fields, shapes and dtypes, and whether it fits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.memory import machine_memory
from rllib_remix.rollout.episode import TeamEpisode

# Field -> whether it has an entry for the observation after the last step.
OVER_TIME = {"obs": True, "state": True, "avail_actions": True, "actions": False, "rewards": False}


def layout_of(spec: TeamSpec) -> dict[str, tuple[tuple[int, ...], str]]:
    """Field -> (shape of one episode at the longest, dtype)."""
    steps, agents = spec.episode_limit, spec.n_agents
    return {
        "obs": ((steps + 1, agents, spec.obs_dim), spec.obs_dtype),
        "state": ((steps + 1, spec.state_dim), spec.state_dtype),
        "avail_actions": ((steps + 1, agents, spec.n_actions), "bool"),
        "actions": ((steps, agents), "int16" if spec.n_actions <= np.iinfo(np.int16).max else "int64"),
        "rewards": ((steps,), "float32"),
    }


def bytes_of_episode(spec: TeamSpec) -> int:
    """Memory that is kept for one episode, however short it is, in bytes."""
    over_time = sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in layout_of(spec).values())
    return over_time + np.int32().itemsize * (1 + spec.n_agents) + np.bool_().itemsize


def check_episode(spec: TeamSpec, episode: TeamEpisode) -> None:
    """Raises ValueError for an episode that is empty, longer than the spec says, or of other sizes."""
    if not 1 <= len(episode) <= spec.episode_limit:
        raise ValueError(
            f"replay buffer: an episode of {len(episode)} steps; allowed: 1 … {spec.episode_limit}."
        )
    for name, (shape, dtype) in layout_of(spec).items():
        expected = (len(episode) + OVER_TIME[name], *shape[1:])
        got = getattr(episode, name)
        if got.shape != expected:
            raise ValueError(f"replay buffer: episode.{name} has shape {got.shape}, expected {expected}.")
        if not np.can_cast(got.dtype, dtype, "same_kind"):
            raise ValueError(f"replay buffer: episode.{name} is {got.dtype}, expected {dtype}.")


def check_spec(spec: TeamSpec, saved: dict[str, Any]) -> None:
    """Raises ValueError unless saved episodes, of the spec whose `_asdict()` was stored, fit a buffer of this one."""
    if not TeamSpec.from_saved(saved).fits(spec):
        raise ValueError(
            f"replay buffer: the checkpoint holds episodes of {TeamSpec.from_saved(saved)}, this run has {spec}."
        )


def check_memory(needed: int, capacity: int, spec: TeamSpec) -> None:
    """Raises SettingError if a full buffer needs more bytes than the machine has."""
    total = machine_memory()
    if total is not None and needed > total:
        fits = int(capacity * total / needed)
        if fits < 1:
            raise SettingError(
                f"episode_limit: an episode of {spec.episode_limit} steps takes {needed / capacity / 2**30:.1f} GiB in the "
                f"replay buffer, but this machine has {total / 2**30:.1f} GiB; lower it, of an adapted environment with "
                'env_config={"team_adapter": {"episode_limit": …}}.'
            )
        raise SettingError(
            f"replay_buffer_capacity: {capacity} episodes take {needed / 2**30:.1f} GiB when the buffer is full, "
            f"but this machine has {total / 2**30:.1f} GiB; allowed here: at most {fits}."
        )
