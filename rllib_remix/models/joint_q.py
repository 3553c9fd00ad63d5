"""Q*: the joint action value without the monotonicity of a mixer."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.layers import hidden_layers, last_layer, rescale, set_to_zero


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

    def begin_at_zero(self) -> None:
        """Lets Q* begin at 0 in all states."""
        set_to_zero(self.net[-1], self.value[-1])

    def rescale(self, factor: float) -> None:
        """Multiplies Q* by a factor."""
        rescale(factor, self.net[-1], self.value[-1])

    def forward(self, chosen_values: Tensor, state: Tensor) -> Tensor:
        """Q* of the joint action.

        Args:
            chosen_values: [..., n] float32, what Q*'s own agent network gives for the chosen actions.
            state: [..., S], any real dtype; all layers but the last compute in bfloat16 if it is bfloat16.

        Returns:
            [...] float32.
        """
        state = state if state.dtype == torch.bfloat16 else state.float()
        hidden = hidden_layers(list(self.net)[1:], self._first_layer(chosen_values, state))
        return (
            last_layer(self.net, hidden) + last_layer(self.value, hidden_layers(self.value, state))
        ).squeeze(-1)

    def _first_layer(self, chosen_values: Tensor, state: Tensor) -> Tensor:
        """The first layer of `net` on (state, chosen values), without a gradient of the state, nor a copy of it."""
        layer = cast(nn.Linear, self.net[0])
        weight = layer.weight.to(state.dtype)
        from_state = functional.linear(state, weight[:, : state.shape[-1]], layer.bias.to(state.dtype))
        return from_state + functional.linear(chosen_values.to(state.dtype), weight[:, state.shape[-1] :])
