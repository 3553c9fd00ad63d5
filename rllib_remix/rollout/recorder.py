"""Records N copies that play at their own pace, and cuts out their finished episodes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rllib_remix.envs.team_env import TeamSpec, TeamStep
from rllib_remix.errors import SettingError
from rllib_remix.memory import machine_memory
from rllib_remix.rollout.episode import TeamEpisode


class EpisodeRecorder:
    """Preallocated arrays [N, limit + 1, …], written by one vectorised assignment per field and step.

    Raises:
        SettingError: they would take more memory than the machine has.
    """

    def __init__(self, spec: TeamSpec, num_envs: int):
        self._limit, self._agents = spec.episode_limit, spec.agents
        self._copies = np.arange(num_envs)
        self._t = np.zeros(num_envs, np.int64)
        layout = _layout(spec, num_envs)
        _check_memory(spec, num_envs, layout)
        self._obs, self._state, self._avail, self._actions, self._rewards = (
            np.zeros(shape, dtype) for shape, dtype in layout
        )

    def begin(self, step: TeamStep) -> None:
        """All copies start an episode with this step."""
        self._t[:] = 0
        self._observe(step)

    def record(self, actions: np.ndarray, step: TeamStep, began: np.ndarray) -> None:
        """Adds a step of every copy; where `began` [N] bool is True the step is the first of a new episode.

        Raises:
            ValueError: an episode goes on beyond the environment's episode_limit.
        """
        too_long = np.flatnonzero((self._t >= self._limit) & ~began)
        if len(too_long):
            raise ValueError(
                f"the episode of copy {too_long[0]} goes on after episode_limit ({self._limit}) steps; it must "
                "terminate or be truncated by then."
            )
        at = self._copies, self._t
        self._actions[at] = actions
        self._rewards[at] = step.rewards
        self._t += 1
        self._t[began] = 0
        self._observe(step)

    def episode(self, copy: int, step: TeamStep, **facts: Any) -> TeamEpisode:
        """A copy of what this copy played since its episode began; `step` is its latest, `facts` its other fields."""
        t = int(self._t[copy])
        return TeamEpisode(
            obs=self._obs[copy, : t + 1].copy(),
            state=self._state[copy, : t + 1].copy(),
            avail_actions=self._avail[copy, : t + 1].copy(),
            actions=self._actions[copy, :t].copy(),
            rewards=self._rewards[copy, :t].copy(),
            terminated=bool(step.terminated[copy]),
            truncated=bool(step.truncated[copy]),
            info=step.info_of(copy),
            agent_returns=step.agent_returns_of(copy, self._agents),
            **facts,
        )

    def _observe(self, step: TeamStep) -> None:
        at = self._copies, self._t
        self._obs[at] = step.obs
        self._state[at] = step.state
        self._avail[at] = step.avail_actions


def _layout(spec: TeamSpec, num_envs: int) -> list[tuple[tuple[int, ...], np.dtype]]:
    """Shape and dtype of the observations, states, available actions, actions and rewards."""
    first, agents = (num_envs, spec.episode_limit + 1), spec.n_agents
    action_dtype = np.int16 if spec.n_actions <= np.iinfo(np.int16).max else np.int64
    return [
        ((*first, agents, spec.obs_dim), np.dtype(spec.obs_dtype)),
        ((*first, spec.state_dim), np.dtype(spec.state_dtype)),
        ((*first, agents, spec.n_actions), np.dtype(np.bool_)),
        ((*first, agents), np.dtype(action_dtype)),
        (first, np.dtype(np.float32)),
    ]


def _check_memory(spec: TeamSpec, num_envs: int, layout: list[tuple[tuple[int, ...], np.dtype]]) -> None:
    needed, there = sum(math.prod(shape) * dtype.itemsize for shape, dtype in layout), machine_memory()
    if there is not None and needed > there:
        raise SettingError(
            f"episode_limit: {num_envs} episodes of {spec.episode_limit} steps, one for each copy of the environment, "
            f"take {needed / 2**30:.1f} GiB, but this machine has {there / 2**30:.1f} GiB; allowed here: at most "
            f"{int(spec.episode_limit * there / needed)} steps with num_envs_per_env_runner {num_envs}. Of an adapted "
            'environment, lower it with env_config={"team_adapter": {"episode_limit": …}}.'
        )
