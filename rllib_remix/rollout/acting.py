"""Choosing actions for N copies × n agents at once, with ε-greedy exploration over available actions."""

from __future__ import annotations

import numpy as np

from rllib_remix.envs.team_env import random_actions
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.stepper import new_stepper


class TeamActor:
    """Agents that act in N copies and remember what they saw and did."""

    def __init__(self, agent: RecurrentAgent, num_envs: int):
        self._network = new_stepper(agent, num_envs)

    def forget(self, copies: np.ndarray) -> None:
        """Clears the memory of the copies where `copies` [N] bool is True: their episodes begin."""
        self._network.forget(copies)

    def act(
        self,
        obs: np.ndarray,
        avail_actions: np.ndarray,
        *,
        epsilon: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Actions [N, n] int64, and remembers them.

        Args:
            obs: [N, n, O]; avail_actions: [N, n, U] bool.
            epsilon: probability that an agent takes a uniformly random available action instead.
            rng: source of that randomness; needed if `epsilon` is above 0.
        """
        utilities = self._network.step(obs)
        actions = np.where(avail_actions, utilities, -np.inf).argmax(-1)
        if epsilon > 0:
            assert rng is not None
            explores = rng.random(actions.shape) < epsilon
            actions = np.where(explores, random_actions(avail_actions, rng), actions)
        self._network.remember(actions)
        return actions
