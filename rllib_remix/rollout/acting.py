"""Choosing actions for N copies × n agents at once, with ε-greedy exploration over available actions."""

from __future__ import annotations

import numpy as np
import torch

from rllib_remix.envs.team_env import random_actions
from rllib_remix.learning.targets import greedy_actions
from rllib_remix.models.agent import RecurrentAgent


class TeamActor:
    """The agents' memory (hidden states and last actions) between the steps of N copies."""

    def __init__(self, agent: RecurrentAgent, num_envs: int):
        self.agent = agent
        self._last_actions = torch.full((num_envs, agent.n_agents), -1)
        self._hidden = torch.zeros(num_envs, agent.n_agents, agent.hidden_dim)

    @torch.inference_mode()
    def forget(self, copies: np.ndarray) -> None:
        """Clears the memory of the copies where `copies` [N] bool is True: their episodes begin."""
        began = torch.from_numpy(copies)
        self._last_actions[began] = -1
        self._hidden[began] = 0.0

    @torch.inference_mode()
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
        hidden = self._hidden.view(-1, self.agent.hidden_dim)
        utilities, hidden = self.agent.step(torch.from_numpy(obs), self._last_actions, hidden)
        self._hidden = hidden.view_as(self._hidden)
        actions = greedy_actions(utilities, torch.from_numpy(avail_actions)).numpy()
        if epsilon > 0:
            assert rng is not None
            explores = rng.random(actions.shape) < epsilon
            actions = np.where(explores, random_actions(avail_actions, rng), actions)
        self._last_actions = torch.tensor(actions)
        return actions
