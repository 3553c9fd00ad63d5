"""How much each agent's advantage counts in a joint value, given the state and the joint action."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.layers import linear

_LEAST = 1e-10  # of an importance, which must be above 0


class JointImportance(nn.Module):
    """λ_a(s, u) = Σ_k (|key_k(s)| + 1e-10)·σ(agent_k(s))_a·σ(action_k(s, u))_a > 0 (Wang et al. 2021, QPLEX).

    The K nets of a kind are one: their first layers side by side, the later ones as one batched product.

    Args:
        n_agents, n_actions, state_dim: n, U and S.
        heads: K.
        layers: of each net, 1 or more; with 1 the agents' actions only add up inside a sigmoid.
        hidden_dim: units of the layers before the last.
    """

    def __init__(
        self,
        n_agents: int,
        n_actions: int,
        state_dim: int,
        *,
        heads: int = 4,
        layers: int = 2,
        hidden_dim: int = 64,
    ):
        super().__init__()
        self.n_agents, self.n_actions = n_agents, n_actions
        self.keys = HeadNets(heads, state_dim, 1, layers=layers, hidden_dim=hidden_dim)
        self.agents = HeadNets(heads, state_dim, n_agents, layers=layers, hidden_dim=hidden_dim)
        joint = state_dim + n_agents * n_actions
        self.actions = HeadNets(heads, joint, n_agents, layers=layers, hidden_dim=hidden_dim)

    def forward(self, state: Tensor, actions: Tensor) -> Tensor:
        """Importances of the agents.

        Args:
            state: [N, S], any real dtype; if it is bfloat16 all layers but the last compute in it.
            actions: [N, n] int64, the joint action.

        Returns:
            [N, n] float32, above 0.
        """
        state = state if state.dtype == torch.bfloat16 else state.float()
        one_hots = functional.one_hot(actions, self.n_actions).flatten(-2).to(state.dtype)
        keys = self.keys(state).abs() + _LEAST
        of_agents = torch.sigmoid(self.agents(state))
        of_actions = torch.sigmoid(self.actions(torch.cat([state, one_hots], dim=-1)))
        return (keys * of_agents * of_actions).sum(0)


class HeadNets(nn.Module):
    """K feed-forward nets of the same shape on the same input, ReLU between their layers.

    Args:
        heads, inputs, outputs: K, I and O.
        layers: of each net, 1 or more.
        hidden_dim: units of the layers before the last.
    """

    def __init__(self, heads: int, inputs: int, outputs: int, *, layers: int, hidden_dim: int):
        super().__init__()
        self.heads = heads
        widths = [*[hidden_dim] * (layers - 1), outputs]
        self.first = nn.Linear(inputs, heads * widths[0])
        sizes = list(pairwise(widths))
        self.weights = nn.ParameterList(_initial(heads, before, after) for before, after in sizes)
        self.biases = nn.ParameterList(_initial(heads, before, after, rows=1) for before, after in sizes)

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, I] → [K, N, O] float32; all layers but the last compute in the dtype of the input."""
        if not len(self.weights):
            outputs = linear(self.first, inputs).float()
            return outputs.unflatten(-1, (self.heads, -1)).transpose(0, 1)
        hidden = torch.relu_(linear(self.first, inputs))
        hidden = hidden.unflatten(-1, (self.heads, -1)).transpose(0, 1)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = torch.relu_(torch.baddbmm(bias.to(hidden.dtype), hidden, weight.to(hidden.dtype)))
        return torch.baddbmm(self.biases[-1], hidden.float(), self.weights[-1])


def _initial(heads: int, inputs: int, outputs: int, *, rows: int | None = None) -> nn.Parameter:
    """Weights [K, I, O], or biases [K, 1, O], as `nn.Linear` begins."""
    bound = inputs**-0.5
    return nn.Parameter(torch.empty(heads, rows or inputs, outputs).uniform_(-bound, bound))
