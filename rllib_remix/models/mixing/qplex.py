"""The mixer of QPLEX: duplex dueling, which can fit every joint value whose best action each agent can find alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rllib_remix.models.joint_importance import JointImportance
from rllib_remix.models.layers import float_or_bfloat16, outputs, rescale, set_to_zero, two_layers
from rllib_remix.models.mixing.mixer import Mixer, MixerInputs, MixerSizes

_LEAST = 1e-10  # of a weight, which must be above 0


def duplex_dueling(chosen: Tensor, best: Tensor, importance: Tensor) -> Tensor:
    """Q_tot = Σ_a Q^a + Σ_a (λ_a - 1)·sg(Q^a - M^a), sg without gradient (Wang et al. 2021, QPLEX, section 3.2).

    That is Σ_a M^a + Σ_a λ_a (Q^a - M^a), of which the first sum is the value and the second the advantage, at most 0:
    with λ > 0 it is greatest where every Q^a is. The gradient with respect to Q^a is 1 whatever λ is.

    Args:
        chosen: [..., n] float32, Q^a of each agent's action.
        best: [..., n] float32, M^a, the greatest Q^a over the agent's available actions. It gets no gradient.
        importance: [..., n] float32, λ_a > 0 of the joint action.

    Returns:
        [...] float32.
    """
    advantages = (chosen - best).detach()
    return chosen.sum(-1) + ((importance - 1.0) * advantages).sum(-1)


class QPLEXMixer(Mixer):
    """Duplex dueling of w_a(s)·Q^a + b_a(s), w > 0, by importances λ_a(s, u) of state and joint action.

    Q_tot at the greedy joint action is Σ_a (w_a M^a + b_a) whatever λ is, and nowhere more.

    Args:
        n_agents, n_actions, state_dim: n, U and S.
        heads: K, of the importances.
        layers: of each of the importances' nets, 1 or more.
        hypernet_dim: hidden units of the networks that give w, b and λ.
    """

    sizes = ("hypernet_hidden_dim", "mixer_heads", "importance_layers")
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
    ):
        super().__init__()
        self.weight = two_layers(state_dim, hypernet_dim, n_agents)
        self.offset = two_layers(state_dim, hypernet_dim, n_agents)
        self.importance = JointImportance(
            n_agents, n_actions, state_dim, heads=heads, layers=layers, hidden_dim=hypernet_dim
        )

    @classmethod
    def of(cls, team: MixerSizes, networks: Mapping[str, Any]) -> QPLEXMixer:
        return cls(
            team.n_agents,
            team.n_actions,
            team.state_dim,
            heads=networks["mixer_heads"],
            layers=networks["importance_layers"],
            hypernet_dim=networks["hypernet_hidden_dim"],
        )

    def begin_at_zero(self) -> None:
        """Lets Q_tot begin near 0: b is 0 in all states, so that it is in proportion to the utilities."""
        set_to_zero(self.offset[-1])

    def rescale(self, factor: float) -> None:
        rescale(factor, self.weight[-1], self.offset[-1])

    def forward(self, inputs: MixerInputs) -> Tensor:
        """Q_tot of the joint action, of `chosen`, `best`, `state` and `actions`: [N] float32."""
        assert inputs.best is not None
        assert inputs.actions is not None
        state = float_or_bfloat16(inputs.state)
        weight, offset = outputs(self.weight, state).abs() + _LEAST, outputs(self.offset, state)
        importance = self.importance(state, inputs.actions)
        return duplex_dueling(weight * inputs.chosen + offset, weight * inputs.best + offset, importance)
