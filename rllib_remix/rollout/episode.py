"""One finished episode of one team, as it travels from the env runners to the replay buffer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


# A plain class on purpose: RLlib flattens nested dicts and tuples of samples, and would tear those apart.
@dataclass(slots=True)
class TeamEpisode:
    """T env steps of n agents, with the observation after the last one.

    Attributes:
        obs: [T+1, n, O] in the environment's own dtype.
        state: [T+1, S] in the environment's own dtype.
        avail_actions: [T+1, n, U] bool.
        actions: [T, n] int16 (or int64 for a very large action set).
        rewards: [T] float32, the team reward.
        terminated: ended by the rules of the game.
        truncated: cut off, by a time limit or otherwise; its value continues.
        info: the environment's last info values of the episode.
        agent_returns: what each agent received in it; empty where only the team is paid.
        worker_index: env runner that played it. env_steps_before: env steps sampled by all env runners when it
            was collected, so that its age is known.
        id_: its name, and custom_data: what user callbacks put there, both the same from its start to its end.
    """

    obs: np.ndarray
    state: np.ndarray
    avail_actions: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: bool
    truncated: bool
    info: dict[str, float]
    worker_index: int = 0
    env_steps_before: int = 0
    id_: str = ""
    custom_data: dict[str, Any] = field(default_factory=dict)
    agent_returns: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rewards)

    def env_steps(self) -> int:
        return len(self.rewards)

    def agent_steps(self) -> int:
        return len(self.rewards) * self.obs.shape[1]

    def lives(self) -> np.ndarray:
        """How many steps of each agent tell something: [n] int64, 1 … T+1.

        They end with the first step from which on the agent has a single available action and sees the same, as
        one that was removed from the game does.
        """
        steps = np.arange(len(self.avail_actions))[:, None]
        last_choice = np.where(self.avail_actions.sum(-1) > 1, steps, -1).max(0)
        sees_new = (self.obs[1:] != self.obs[:-1]).any(-1)
        last_change = np.where(sees_new, steps[1:], 0).max(0, initial=0)
        return np.minimum(np.maximum(last_choice + 1, last_change) + 1, len(steps))

    def get_return(self) -> float:
        """Sum of the team rewards, undiscounted."""
        return float(self.rewards.sum())
