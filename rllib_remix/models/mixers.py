"""Mixers: from the agents' chosen utilities to the joint value Q_tot, and its gradient in closed form."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.layers import hidden_layers, last_layer, linear, set_to_zero, two_layers


class VDNMixer(nn.Module):
    """Q_tot = Σ_a Q^a (Sunehag et al. 2018)."""

    def begin_at_zero(self) -> None:
        """It does: the utilities of an untrained network are small."""

    def forward(self, chosen_utilities: Tensor, state: Tensor) -> Tensor:
        """[..., n] float32 → [...]; the state is not used."""
        return chosen_utilities.sum(-1)

    def with_gradient(self, chosen_utilities: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Q_tot, and ∂Q_tot/∂Q^j = 1 as [..., n]."""
        return self(chosen_utilities, state), torch.ones_like(chosen_utilities)


class QMIXMixer(nn.Module):
    """Q_tot = ELU(q·|W1(s)| + b1(s))·|w2(s)| + b2(s), monotonic in every utility (Rashid et al. 2018).

    Args:
        n_agents, state_dim: n and S.
        embed_dim: m, units of the mixing layer.
        hypernet_dim: hidden units of the networks that give W1 and w2.
    """

    def __init__(self, n_agents: int, state_dim: int, *, embed_dim: int = 32, hypernet_dim: int = 64):
        super().__init__()
        self.n_agents, self.embed_dim = n_agents, embed_dim
        self.w1 = two_layers(state_dim, hypernet_dim, n_agents * embed_dim)
        self.w2 = two_layers(state_dim, hypernet_dim, embed_dim)
        self.b1 = nn.Linear(state_dim, embed_dim)
        self.b2 = two_layers(state_dim, embed_dim, 1)

    def begin_at_zero(self) -> None:
        """Lets Q_tot begin near 0: b1 and b2 are 0 in all states, so that it is in proportion to the utilities."""
        set_to_zero(self.b1, self.b2[-1])

    def forward(self, chosen_utilities: Tensor, state: Tensor) -> Tensor:
        """Q_tot of the joint action.

        Args:
            chosen_utilities: [..., n] float32.
            state: [..., S], any real dtype; if it is bfloat16 the networks that give the weights compute in
                bfloat16, but the mixing stays in float32.

        Returns:
            [...] float32.
        """
        return self._mix(*self._hidden_layer(chosen_utilities, state))

    def with_gradient(self, chosen_utilities: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Q_tot, and f'_j = ∂Q_tot/∂Q^j = Σ_k ELU'(z_k)·W1[j, k]·w2[k] in closed form from the same pass.

        That is Lemma 1 of ReMIX, with ELU' inside the sum. Same arguments as `forward`; the gradient is [..., n]
        float32, never negative, and carries none itself.
        """
        z, w1, w2, b2 = self._hidden_layer(chosen_utilities, state)
        with torch.no_grad():
            slope = torch.exp(z.clamp(max=0))  # ELU'(z) is 1 above 0 and exp(z) below
            gradient = (w1 * (slope * w2).unsqueeze(-2)).sum(-1)
        return self._mix(z, w1, w2, b2), gradient

    def _hidden_layer(self, chosen_utilities: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        state = state if state.dtype == torch.bfloat16 else state.float()
        w1 = _output(self.w1, state).abs().unflatten(-1, (self.n_agents, self.embed_dim))
        w2 = _output(self.w2, state).abs()
        b2 = last_layer(self.b2, hidden_layers(self.b2, state)).squeeze(-1)
        # As a product and a sum: thousands of tiny matrix products would take several times as long.
        z = (chosen_utilities.unsqueeze(-1) * w1).sum(-2) + linear(self.b1, state).float()
        return z, w1, w2, b2

    def _mix(self, z: Tensor, w1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        return (functional.elu(z) * w2).sum(-1) + b2


def _output(layers: nn.Sequential, inputs: Tensor) -> Tensor:
    return linear(cast(nn.Linear, layers[-1]), hidden_layers(layers, inputs)).float()


MIXERS: dict[str, type[nn.Module]] = {"vdn": VDNMixer, "qmix": QMIXMixer}


def new_mixer(n_agents: int, state_dim: int, networks: dict[str, Any]) -> VDNMixer | QMIXMixer:
    """An untrained mixer of a team; `networks` as a config's `networks()`."""
    mixer_class = MIXERS[networks["mixer"]]
    if mixer_class is not QMIXMixer:
        return VDNMixer()
    return QMIXMixer(
        n_agents,
        state_dim,
        embed_dim=networks["mixer_embed_dim"],
        hypernet_dim=networks["hypernet_hidden_dim"],
    )
