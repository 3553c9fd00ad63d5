"""Every size of a team as Gymnasium spaces, the form in which RLlib hands them on."""

from __future__ import annotations

import gymnasium as gym
import numpy as np

from rllib_remix.envs.team_env import TeamSpec


def team_spaces(spec: TeamSpec) -> tuple[gym.spaces.Dict, gym.spaces.MultiDiscrete]:
    """Observation and action space of a whole team: every size that module and learner need.

    The time 0 … limit tells the limit, `image` the shape of one observation, and `agents` the names in slot order.
    """
    shown: dict[str, gym.Space] = {
        "obs": _box((spec.n_agents, spec.obs_dim), spec.obs_dtype),
        "state": _box((spec.state_dim,), spec.state_dtype),
        "avail_actions": gym.spaces.MultiBinary((spec.n_agents, spec.n_actions)),
        "time": gym.spaces.Discrete(spec.episode_limit + 1),
    }
    if spec.obs_shape:
        shown["image"] = _box(spec.obs_shape, spec.obs_dtype)
    if spec.agents:
        shown["agents"] = gym.spaces.Dict([(agent, gym.spaces.Discrete(1)) for agent in spec.agents])
    return gym.spaces.Dict(shown), gym.spaces.MultiDiscrete([spec.n_actions] * spec.n_agents)


def _box(shape: tuple[int, ...], dtype_name: str) -> gym.spaces.Box:
    dtype = np.dtype(dtype_name)
    if dtype.kind == "f":
        low, high = -np.inf, np.inf
    elif dtype.kind == "b":
        low, high, dtype = 0, 1, np.dtype(np.int8)
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return gym.spaces.Box(low, high, shape, dtype.type)
