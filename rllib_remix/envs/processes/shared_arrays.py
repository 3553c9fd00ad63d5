"""The arrays of a TeamStep in memory that several processes share."""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np

from rllib_remix.envs.team_env import TeamSpec

_ALIGNED = 64  # bytes, a line of the processors' caches


def new_memory() -> int:
    """A file of no size and no name, which is gone when nobody has it open any more; its descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("team_env")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class SharedArrays:
    """Views of the memory; whoever opens it with the same sizes sees the same.

    Args:
        memory: descriptor of the file, which grows to what is needed.
        spec: sizes and dtypes of a copy.
        num_envs: N.

    Attributes:
        actions: [N, n] int64.
        obs, state, avail_actions, rewards, terminated, truncated, agent_returns: as in a TeamStep.
    """

    def __init__(self, memory: int, spec: TeamSpec, num_envs: int) -> None:
        team = (num_envs, spec.n_agents)
        layout = {
            "actions": (team, np.int64),
            "obs": ((*team, spec.obs_dim), spec.obs_dtype),
            "state": ((num_envs, spec.state_dim), spec.state_dtype),
            "avail_actions": ((*team, spec.n_actions), bool),
            "rewards": ((num_envs,), np.float32),
            "terminated": ((num_envs,), bool),
            "truncated": ((num_envs,), bool),
            "agent_returns": (team, np.float64),
        }
        starts, end = {}, 0
        for name, (shape, dtype) in layout.items():
            starts[name] = end
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            end += -(-size // _ALIGNED) * _ALIGNED
        if os.fstat(memory).st_size < end:
            os.ftruncate(memory, end)
        buffer = mmap.mmap(memory, end)
        for name, (shape, dtype) in layout.items():
            setattr(self, name, np.ndarray(shape, dtype, buffer, starts[name]))

    actions: np.ndarray
    obs: np.ndarray
    state: np.ndarray
    avail_actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    agent_returns: np.ndarray
