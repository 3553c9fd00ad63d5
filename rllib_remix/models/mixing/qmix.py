"""The mixer of QMIX, and its gradient in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.layers import (
    float_or_bfloat16,
    hidden_layers,
    last_layer,
    linear,
    outputs,
    rescale,
    set_to_zero,
    two_layers,
)
from rllib_remix.models.mixing.mixer import Mixer, MixerInputs, MixerSizes


class QMIXMixer(Mixer):
    """Q_tot = ELU(q·|W1(s)| + b1(s))·|w2(s)| + b2(s), monotonic in every utility (Rashid et al. 2018).

    Args:
        n_agents, state_dim: n and S.
        embed_dim: m, units of the mixing layer.
        hypernet_dim: hidden units of the networks that give W1 and w2.
    """

    sizes = ("mixer_embed_dim", "hypernet_hidden_dim")
    has_gradient = True

    def __init__(self, n_agents: int, state_dim: int, *, embed_dim: int = 32, hypernet_dim: int = 64):
        super().__init__()
        self.n_agents, self.embed_dim = n_agents, embed_dim
        self.w1 = two_layers(state_dim, hypernet_dim, n_agents * embed_dim)
        self.w2 = two_layers(state_dim, hypernet_dim, embed_dim)
        self.b1 = nn.Linear(state_dim, embed_dim)
        self.b2 = two_layers(state_dim, embed_dim, 1)

    @classmethod
    def of(cls, team: MixerSizes, networks: Mapping[str, Any]) -> QMIXMixer:
        return cls(
            team.n_agents,
            team.state_dim,
            embed_dim=networks["mixer_embed_dim"],
            hypernet_dim=networks["hypernet_hidden_dim"],
        )

    def begin_at_zero(self) -> None:
        """Lets Q_tot begin near 0: b1 and b2 are 0 in all states, so that it is in proportion to the utilities."""
        set_to_zero(self.b1, self.b2[-1])

    def rescale(self, factor: float) -> None:
        rescale(factor, self.w2[-1], self.b2[-1])

    def forward(self, inputs: MixerInputs) -> Tensor:
        """Q_tot of the joint action, of `chosen` and `state`: [N] float32."""
        return self._mix(*self._hidden_layer(inputs.chosen, inputs.state))

    def with_gradient(self, inputs: MixerInputs) -> tuple[Tensor, Tensor]:
        """Q_tot, and f'_j = ∂Q_tot/∂Q^j = Σ_k ELU'(z_k)·W1[j, k]·w2[k] in closed form from the same pass.

        That is Lemma 1 of ReMIX, with ELU' inside the sum. The gradient is [N, n] float32, never negative, and carries
        none itself.
        """
        z, w1, w2, b2 = self._hidden_layer(inputs.chosen, inputs.state)
        with torch.no_grad():
            slope = torch.exp(z.clamp(max=0))  # ELU'(z) is 1 above 0 and exp(z) below
            gradient = (w1 * (slope * w2).unsqueeze(-2)).sum(-1)
        return self._mix(z, w1, w2, b2), gradient

    def _hidden_layer(self, chosen_utilities: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        state = float_or_bfloat16(state)
        w1 = outputs(self.w1, state).abs().unflatten(-1, (self.n_agents, self.embed_dim))
        w2 = outputs(self.w2, state).abs()
        b2 = last_layer(self.b2, hidden_layers(self.b2, state)).squeeze(-1)
        # As a product and a sum: thousands of tiny matrix products would take several times as long.
        z = (chosen_utilities.unsqueeze(-1) * w1).sum(-2) + linear(self.b1, state).float()
        return z, w1, w2, b2

    def _mix(self, z: Tensor, w1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        return (functional.elu(z) * w2).sum(-1) + b2
