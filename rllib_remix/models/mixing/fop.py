"""The mixer of FOP: duplex dueling with soft values, and a value of the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rllib_remix.models.joint_importance import JointImportance
from rllib_remix.models.layers import float_or_bfloat16, outputs, rescale, set_to_zero, two_layers
from rllib_remix.models.mixing.mixer import Mixer, MixerInputs, MixerSizes
from rllib_remix.models.mixing.qplex import duplex_dueling


class FOPMixer(Mixer):
    """Q_jt = V(s) + Σ_a Q^a + Σ_a (λ_a(s, u) - 1)·sg(Q^a - V^a), sg without gradient (Zhang et al. 2021).

    V^a is what `best` holds: not the greatest Q^a, but its soft value. Were λ a constant c, the softmax of Q_jt/(cα) over joint
    actions would be the product of the agents' softmax of Q^a/α. It is none of the mixers of value-based algorithms.

    Args:
        n_agents, n_actions, state_dim: n, U and S.
        heads: K, of the importances λ.
        layers: of each of the importances' nets, 1 or more.
        hypernet_dim: hidden units of these nets.
        embed_dim: hidden units of V(s).
    """

    sizes = ("mixer_embed_dim", "hypernet_hidden_dim", "mixer_heads", "importance_layers")
    needs_best = True
    needs_actions = True

    def __init__(
        self,
        n_agents: int,
        n_actions: int,
        state_dim: int,
        *,
        heads: int = 4,
        layers: int = 2,
        hypernet_dim: int = 64,
        embed_dim: int = 32,
    ):
        super().__init__()
        self.value = two_layers(state_dim, embed_dim, 1)
        self.importance = JointImportance(
            n_agents, n_actions, state_dim, heads=heads, layers=layers, hidden_dim=hypernet_dim
        )

    @classmethod
    def of(cls, team: MixerSizes, networks: Mapping[str, Any]) -> FOPMixer:
        return cls(
            team.n_agents,
            team.n_actions,
            team.state_dim,
            heads=networks["mixer_heads"],
            layers=networks["importance_layers"],
            hypernet_dim=networks["hypernet_hidden_dim"],
            embed_dim=networks["mixer_embed_dim"],
        )

    def begin_at_zero(self) -> None:
        """Lets V(s) begin at 0 in all states."""
        set_to_zero(self.value[-1])

    def rescale(self, factor: float) -> None:
        """Multiplies V(s), and with it Q_jt once the Q^a are rescaled too."""
        rescale(factor, self.value[-1])

    def forward(self, inputs: MixerInputs) -> Tensor:
        """Q_jt of the joint action, of `chosen`, `best` (V^a), `state` and `actions`: [N] float32."""
        assert inputs.best is not None
        assert inputs.actions is not None
        state = float_or_bfloat16(inputs.state)
        importance = self.importance(state, inputs.actions)
        of_agents = duplex_dueling(inputs.chosen, inputs.best, importance)
        return outputs(self.value, state).squeeze(-1) + of_agents
