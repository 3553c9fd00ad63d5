"""Q*: the joint action value without the monotonicity of a mixer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class UnrestrictedJointQ(nn.Module):
    """Q* = net(s, chosen values) + V(s), a plain feed-forward net (Rashid et al. 2020, WQMIX).

    Args:
        n_agents, state_dim: n and S.
        hidden_dim: units of each of its three hidden layers, and of the one of V.
    """

    def __init__(self, n_agents: int, state_dim: int, *, hidden_dim: int = 256):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(state_dim + n_agents, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, 1),
        )
        self.value = nn.Sequential(nn.Linear(state_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 1))

    def forward(self, chosen_values: Tensor, state: Tensor) -> Tensor:
        """Q* of the joint action.

        Args:
            chosen_values: [..., n] float32, what Q*'s own agent network gives for the chosen actions.
            state: [..., S], any real dtype.

        Returns:
            [...] float32.
        """
        state = state.to(chosen_values.dtype)
        return (self.net(torch.cat([state, chosen_values], dim=-1)) + self.value(state)).squeeze(-1)
