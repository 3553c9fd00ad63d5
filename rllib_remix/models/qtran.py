"""The networks of QTRAN beside its agents: the joint value Q_jt, and the state's value V."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.layers import (
    float_or_bfloat16,
    hidden_layers,
    last_layer,
    linear,
    rescale,
    set_to_zero,
    two_layers,
)


class QTRANJointQ(nn.Module):
    """Q_jt(s, u) = net(s, Σ_a enc(h_a, u_a)) (Son et al. 2019, QTRAN-base): free of any factorization.

    The encoder enc has two layers as wide as its input, K + U, with a ReLU between; net has two hidden layers. As the
    encoder's second layer is linear, it is computed once for the sum over agents.

    Args:
        n_agents, n_actions, state_dim: n, U and S.
        features: K, of each agent's h_a.
        hidden_dim: units of the hidden layers of net.
    """

    def __init__(
        self, n_agents: int, n_actions: int, state_dim: int, *, features: int = 64, hidden_dim: int = 64
    ):
        super().__init__()
        width = features + n_actions
        self.n_agents, self.features = n_agents, features
        self.encoder = two_layers(width, width, width)
        self.net = _three_layers(state_dim + width, hidden_dim)

    def begin_at_zero(self) -> None:
        """Lets Q_jt begin at 0 in all states."""
        set_to_zero(self.net[-1])

    def rescale(self, factor: float) -> None:
        """Multiplies Q_jt by a factor."""
        rescale(factor, self.net[-1])

    def encode(self, features: Tensor, dtype: torch.dtype) -> Tensor:
        """What the encoder's first layer makes of h_a, before the action and the ReLU.

        Args:
            features: [..., K] float32, of which a gradient reaches the agents.
            dtype: float32 or bfloat16, in which all layers but the last compute.

        Returns:
            [..., K + U] of that dtype.
        """
        first = cast(nn.Linear, self.encoder[0])
        weight, bias = first.weight.to(dtype), first.bias.to(dtype)
        return functional.linear(features.to(dtype), weight[:, : self.features], bias)

    def forward(self, encoded: Tensor, actions: Tensor, state: Tensor) -> Tensor:
        """Q_jt of the joint action.

        Args:
            encoded: [N, n, K + U], from `encode` of the agents' features.
            actions: [N, n] int64.
            state: [N, S] of any real dtype.

        Returns:
            [N] float32.
        """
        first, second = (cast(nn.Linear, self.encoder[layer]) for layer in (0, 2))
        of_actions = first.weight[:, self.features :].to(encoded.dtype).t()
        hidden = torch.relu_(encoded + functional.embedding(actions, of_actions)).sum(-2)
        z = linear(second, hidden) + (self.n_agents - 1) * second.bias.to(encoded.dtype)
        joint = torch.cat([float_or_bfloat16(state), z], dim=-1)
        return last_layer(self.net, hidden_layers(self.net, joint)).squeeze(-1)


class StateValue(nn.Module):
    """V(s), two hidden layers: by how much the sum of utilities may stay away from Q_jt in a state (QTRAN-base).

    Args:
        state_dim: S.
        hidden_dim: units of the hidden layers.
    """

    def __init__(self, state_dim: int, *, hidden_dim: int = 64):
        super().__init__()
        self.net = _three_layers(state_dim, hidden_dim)

    def begin_at_zero(self) -> None:
        """Lets V begin at 0 in all states."""
        set_to_zero(self.net[-1])

    def rescale(self, factor: float) -> None:
        """Multiplies V by a factor."""
        rescale(factor, self.net[-1])

    def forward(self, state: Tensor) -> Tensor:
        """[N, S] of any real dtype → [N] float32; all layers but the last compute in bfloat16 if the state is that."""
        return last_layer(self.net, hidden_layers(self.net, float_or_bfloat16(state))).squeeze(-1)


def _three_layers(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1),
    )
