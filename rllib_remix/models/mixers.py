"""Mixers: from the agents' chosen utilities to the joint value Q_tot, and its gradient in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class VDNMixer(nn.Module):
    """Q_tot = Σ_a Q^a (Sunehag et al. 2018)."""

    def forward(self, chosen_utilities: Tensor, state: Tensor) -> Tensor:
        """[..., n] float32 → [...]; the state is not used."""
        return chosen_utilities.sum(-1)

    def gradient(self, chosen_utilities: Tensor, state: Tensor) -> Tensor:
        """∂Q_tot/∂Q^j = 1, as [..., n]."""
        return torch.ones_like(chosen_utilities)


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
        self.w1 = _two_layers(state_dim, hypernet_dim, n_agents * embed_dim)
        self.w2 = _two_layers(state_dim, hypernet_dim, embed_dim)
        self.b1 = nn.Linear(state_dim, embed_dim)
        self.b2 = _two_layers(state_dim, embed_dim, 1)

    def forward(self, chosen_utilities: Tensor, state: Tensor) -> Tensor:
        """Q_tot of the joint action.

        Args:
            chosen_utilities: [..., n] float32.
            state: [..., S], any real dtype.

        Returns:
            [...] float32.
        """
        state = state.to(self.b1.weight.dtype)
        z, _, w2 = self._hidden_layer(chosen_utilities, state)
        return (functional.elu(z) * w2).sum(-1) + self.b2(state).squeeze(-1)

    def gradient(self, chosen_utilities: Tensor, state: Tensor) -> Tensor:
        """f'_j = ∂Q_tot/∂Q^j = Σ_k ELU'(z_k)·W1[j, k]·w2[k] (ReMIX, Lemma 1, with ELU' inside the sum).

        Same arguments as `forward`; returns [..., n] float32, never negative.
        """
        z, w1, w2 = self._hidden_layer(chosen_utilities, state.to(self.b1.weight.dtype))
        slope = torch.exp(z.clamp(max=0))  # ELU'(z) is 1 above 0 and exp(z) below
        return torch.matmul(w1, (slope * w2).unsqueeze(-1)).squeeze(-1)

    def _hidden_layer(self, chosen_utilities: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        w1 = self.w1(state).abs().unflatten(-1, (self.n_agents, self.embed_dim))
        w2 = self.w2(state).abs()
        z = torch.matmul(chosen_utilities.unsqueeze(-2), w1).squeeze(-2) + self.b1(state)
        return z, w1, w2


def _two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


MIXERS: dict[str, type[nn.Module]] = {"vdn": VDNMixer, "qmix": QMIXMixer}
