"""The mixer of Qatten: a sum whose weights are attention, and its gradient in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.joint_importance import HeadNets
from rllib_remix.models.layers import (
    float_or_bfloat16,
    hidden_layers,
    last_layer,
    outputs,
    rescale,
    set_to_zero,
    two_layers,
)
from rllib_remix.models.mixing.mixer import Mixer, MixerInputs, MixerSizes


class QattenMixer(Mixer):
    """Q_tot = c(s) + Σ_h |w_h(s)| Σ_a λ_{h,a} Q^a, λ_h = softmax_a(e_h(s)·k_{h,a} / √d) (Yang et al. 2020).

    Given the state and what the agents observe it is additive, and monotonic in every utility.

    Args:
        n_agents, obs_dim, state_dim: n, O and S.
        heads: H.
        embed_dim: d, entries of queries e and keys k, and hidden units of the network that gives c.
        hypernet_dim: hidden units of the networks that give e and w.
    """

    sizes = ("mixer_embed_dim", "hypernet_hidden_dim", "mixer_heads")
    needs_agents = True
    has_gradient = True

    def __init__(
        self,
        n_agents: int,
        obs_dim: int,
        state_dim: int,
        *,
        heads: int = 4,
        embed_dim: int = 32,
        hypernet_dim: int = 64,
    ):
        super().__init__()
        self.heads, self.embed_dim = heads, embed_dim
        self.queries = HeadNets(heads, state_dim, embed_dim, layers=2, hidden_dim=hypernet_dim)
        # A bias would add the same to the logits of all agents, which a softmax does not see.
        self.keys = nn.Linear(obs_dim + n_agents, heads * embed_dim, bias=False)
        self.head_weights = two_layers(state_dim, hypernet_dim, heads)
        self.offset = two_layers(state_dim, embed_dim, 1)

    @classmethod
    def of(cls, team: MixerSizes, networks: Mapping[str, Any]) -> QattenMixer:
        return cls(
            team.n_agents,
            team.obs_dim or 0,
            team.state_dim,
            heads=networks["mixer_heads"],
            embed_dim=networks["mixer_embed_dim"],
            hypernet_dim=networks["hypernet_hidden_dim"],
        )

    def begin_at_zero(self) -> None:
        """Lets Q_tot begin near 0: c is 0 in all states, so that it is in proportion to the utilities."""
        set_to_zero(self.offset[-1])

    def rescale(self, factor: float) -> None:
        rescale(factor, self.head_weights[-1], self.offset[-1])

    def forward(self, inputs: MixerInputs) -> Tensor:
        """Q_tot of the joint action, of `chosen`, `state` and `agents`: [N] float32."""
        return self._mix(inputs, self.weights(inputs))

    def with_gradient(self, inputs: MixerInputs) -> tuple[Tensor, Tensor]:
        """Q_tot, and ∂Q_tot/∂Q^a = Σ_h |w_h| λ_{h,a} as [N, n], never negative."""
        weights = self.weights(inputs)
        return self._mix(inputs, weights), weights.detach()

    def weights(self, inputs: MixerInputs) -> Tensor:
        """Σ_h |w_h(s)| λ_{h,a}, by what each agent's utility counts: [N, n] float32."""
        assert inputs.agents is not None
        state = float_or_bfloat16(inputs.state)
        queries = self.queries(state).transpose(0, 1)  # [N, H, d]
        keys = functional.linear(inputs.agents.to(state.dtype), self.keys.weight.to(state.dtype)).float()
        keys = keys.unflatten(-1, (self.heads, self.embed_dim))  # [N, n, H, d]
        # As a product and a sum: thousands of tiny matrix products would take several times as long.
        logits = (keys * queries.unsqueeze(1)).sum(-1) / math.sqrt(self.embed_dim)
        attention = torch.softmax(logits, dim=1)
        return (attention * outputs(self.head_weights, state).abs().unsqueeze(1)).sum(-1)

    def _mix(self, inputs: MixerInputs, weights: Tensor) -> Tensor:
        state = float_or_bfloat16(inputs.state)
        offset = last_layer(self.offset, hidden_layers(self.offset, state)).squeeze(-1)
        return (inputs.chosen * weights).sum(-1) + offset
