"""Records N copies that play at their own pace, and cuts out their finished episodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.envs.team_env import TeamSpec, TeamStep
from rllib_remix.rollout.episode import TeamEpisode


class EpisodeRecorder:
    """Preallocated arrays [N, limit + 1, …], written by one vectorised assignment per field and step."""

    def __init__(self, spec: TeamSpec, num_envs: int):
        steps, agents = spec.episode_limit + 1, spec.n_agents
        self._limit = spec.episode_limit
        self._copies = np.arange(num_envs)
        self._t = np.zeros(num_envs, np.int64)
        self._obs = np.zeros((num_envs, steps, agents, spec.obs_dim), spec.obs_dtype)
        self._state = np.zeros((num_envs, steps, spec.state_dim), spec.state_dtype)
        self._avail = np.zeros((num_envs, steps, agents, spec.n_actions), np.bool_)
        action_dtype = np.int16 if spec.n_actions <= np.iinfo(np.int16).max else np.int64
        self._actions = np.zeros((num_envs, steps, agents), action_dtype)
        self._rewards = np.zeros((num_envs, steps), np.float32)

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
            info={name: float(values[copy]) for name, values in step.info.items()},
            **facts,
        )

    def _observe(self, step: TeamStep) -> None:
        at = self._copies, self._t
        self._obs[at] = step.obs
        self._state[at] = step.state
        self._avail[at] = step.avail_actions
