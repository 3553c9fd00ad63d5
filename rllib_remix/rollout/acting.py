"""Choosing actions for N copies × n agents at once, greedily or by chance, always among the available ones."""

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
        actions = self.choose(np.where(avail_actions, self._network.step(obs), -np.inf), rng)
        if epsilon > 0:
            assert rng is not None
            explores = rng.random(actions.shape) < epsilon
            actions = np.where(explores, random_actions(avail_actions, rng), actions)
        self._network.remember(actions)
        return actions

    def choose(self, scores: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """The best action of each agent: what its network says [N, n, U], -inf where unavailable → [N, n] int64."""
        return scores.argmax(-1)


class StochasticTeamActor(TeamActor):
    """Agents that draw from π, the softmax of what their network says of the available actions.

    `rng` is always needed. With `epsilon` ε they draw from (1 - ε)·π + ε / available actions.
    """

    def choose(self, scores: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """The largest of logits with Gumbel noise, which is a draw from their softmax (Gumbel 1954)."""
        assert rng is not None
        return (scores + rng.gumbel(size=scores.shape)).argmax(-1)
