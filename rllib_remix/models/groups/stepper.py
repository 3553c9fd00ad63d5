"""The agent networks of several groups for acting: one step of all rows at once, in memory that is allocated once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.agent import GroupedAgent
from rllib_remix.models.kernels.loading import group_step_kernels
from rllib_remix.models.stepper import AgentStepper


def new_stepper(agent: RecurrentAgent, num_envs: int) -> AgentStepper:
    """What steps an agent network, of one group or several, in N copies."""
    return (
        GroupedStepper(agent, num_envs) if isinstance(agent, GroupedAgent) else AgentStepper(agent, num_envs)
    )


class GroupedStepper(AgentStepper):
    """As AgentStepper. What rows see is gathered by groups, [G, rows, …], and their utilities are put back in order."""

    _agent: GroupedAgent

    def _allocate(self, agent: RecurrentAgent, num_envs: int) -> None:
        assert isinstance(agent, GroupedAgent)
        places, hidden = agent.places, agent.hidden_dim
        groups, rows = places.count, places.largest * num_envs
        of_agents = torch.tensor(places.of_agents)
        copies = torch.arange(num_envs).unsqueeze(-1)
        self._places = of_agents * num_envs + copies  # [N, n], of rows in [G·rows]
        # Where the largest group has more agents than another, rows of the first agent stand in their places.
        self._sources = torch.zeros(groups * rows, dtype=torch.int64)
        self._sources[self._places.flatten()] = torch.arange(self._places.numel())
        inputs = agent.encoder.in_features
        self._inputs = torch.zeros(self._places.numel(), inputs)
        self._gathered = torch.zeros(groups, rows, inputs)
        self._encoded = torch.zeros(groups, rows, hidden)
        self._products = torch.zeros(groups, rows, 6 * hidden)
        self._hidden, self._new_hidden = torch.zeros(groups, rows, hidden), torch.zeros(groups, rows, hidden)
        self._gates = np.zeros((groups, rows, 4 * hidden), np.float32)
        self._of_places = torch.zeros(groups, rows, agent.n_actions)
        self._utilities = torch.zeros(self._places.numel(), agent.n_actions)
        self._step_rows, _ = group_step_kernels(hidden)

    def _take_weights(self, agent: RecurrentAgent) -> None:
        super()._take_weights(agent)
        (weight, bias), (of_head, head_bias) = self._encoder, self._head
        self._encoder, self._head = (weight, bias.unsqueeze(1)), (of_head, head_bias.unsqueeze(1))

    @property
    def hidden(self) -> Tensor:
        """[N, n, H] float32, each agent's hidden state; a copy."""
        return self._hidden.flatten(0, 1)[self._places]

    def _forget_hidden(self, copies: np.ndarray) -> None:
        self._hidden.flatten(0, 1)[self._places[torch.from_numpy(copies)]] = 0.0

    def _forward(self) -> None:
        torch.index_select(self._inputs, 0, self._sources, out=self._gathered.flatten(0, 1))
        weight, bias = self._encoder
        torch.baddbmm(bias, self._gathered, weight, out=self._encoded).relu_()
        torch.bmm(self._encoded, self._input_weight, out=self._from_input)
        torch.bmm(self._hidden, self._hidden_weight, out=self._from_hidden)
        torch.cat(self._gru_biases, dim=-1, out=self._bias)
        all_rows, hidden, new = slice(0, self._gates.shape[1]), self._hidden.numpy(), self._new_hidden.numpy()
        self._step_rows(
            self._products.numpy(),
            self._bias.numpy(),
            hidden,
            all_rows,
            self._gates,
            new,
            new,
            all_rows,
            slice(0, 0),
        )
        self._hidden, self._new_hidden = self._new_hidden, self._hidden
        weight, bias = self._head
        torch.baddbmm(bias, self._hidden, weight, out=self._of_places)
        torch.index_select(self._of_places.flatten(0, 1), 0, self._places.flatten(), out=self._utilities)
