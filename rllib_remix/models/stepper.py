"""The agent network for acting: one step of all rows at once, in memory that is allocated once."""

from __future__ import annotations

import numpy as np
import torch

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.kernels.loading import step_kernels


class AgentStepper:
    """Steps the agents of N copies on a CPU, without gradients, and remembers hidden states and last actions.

    It computes what `RecurrentAgent.step` does, without its dozens of small allocations.

    Args:
        agent: the network; weights that are loaded into it later are used from the next step on.
        num_envs: copies N.
    """

    def __init__(self, agent: RecurrentAgent, num_envs: int):
        self._n_actions, self._clamp = agent.n_actions, agent.utility_clamp
        self._agent, self._looks = agent, agent.image is not None or agent.normalizer is not None
        self._episode_limit = agent.episode_limit
        self._time = np.zeros((num_envs, 1, 1), np.int64)  # steps since the episodes began
        self._allocate(agent, num_envs)
        self._take_weights(agent)
        self._lay_out(agent, num_envs)

    def _allocate(self, agent: RecurrentAgent, num_envs: int) -> None:
        rows, inputs, hidden = num_envs * agent.n_agents, agent.encoder.in_features, agent.hidden_dim
        self._inputs = torch.zeros(rows, inputs)
        self._encoded = torch.zeros(rows, hidden)
        self._products = torch.zeros(rows, 6 * hidden)
        # The kernel reads one and writes the other.
        self._hidden, self._new_hidden = torch.zeros(rows, hidden), torch.zeros(rows, hidden)
        self._gates = np.zeros((rows, 4 * hidden), np.float32)
        self._utilities = torch.zeros(rows, agent.n_actions)
        self._step_rows, _ = step_kernels(hidden)

    def _take_weights(self, agent: RecurrentAgent) -> None:
        """Views, so that they follow what is loaded into the network."""
        w, u, b, c = (parameter.detach() for parameter in agent.gru.parameters())
        self._encoder = agent.encoder.weight.detach().mT, agent.encoder.bias.detach()
        self._input_weight, self._hidden_weight, self._gru_biases = w.mT, u.mT, [b, c]
        self._bias = torch.cat(self._gru_biases, dim=-1)
        acting = slice(agent.n_actions)  # What else the head gives is for learning.
        weight, bias = agent.head.weight.detach(), agent.head.bias.detach()
        self._head = weight[..., acting, :].mT, bias[..., acting]

    def _lay_out(self, agent: RecurrentAgent, num_envs: int) -> None:
        """Names the parts of the arrays: products with inputs and with states; observations, actions, identities, time."""
        self._from_input, self._from_hidden = self._products.chunk(2, dim=-1)
        inputs = self._inputs.numpy().reshape(num_envs, agent.n_agents, -1)
        action = agent.seen_dim
        own_id = action + agent.n_actions * agent.observe_last_action
        time = own_id + agent.n_agents * agent.observe_agent_id
        self._obs, self._last_action, identity, self._share_of_time = np.split(
            inputs, [action, own_id, time], axis=-1
        )
        if agent.observe_agent_id:
            identity[:] = np.eye(agent.n_agents)
        # Without that input a code has no entries.
        self._codes = np.eye(agent.n_actions, dtype=np.float32)[:, : self._last_action.shape[-1]]

    @property
    def hidden(self) -> torch.Tensor:
        """[N, n, H] float32, each agent's hidden state."""
        return self._hidden.view(*self._obs.shape[:2], -1)

    @property
    def largest_sum(self) -> float:
        """The largest of the products in the latest step, on which the size of its rounding depends."""
        return float(self._products.abs().max())

    def forget(self, copies: np.ndarray) -> None:
        """Clears the memory of the copies where `copies` [N] bool is True: their episodes begin."""
        self._forget_hidden(copies)
        self._last_action[copies] = 0.0
        self._time[copies] = 0

    def _forget_hidden(self, copies: np.ndarray) -> None:
        self.hidden[torch.from_numpy(copies)] = 0.0

    def remember(self, actions: np.ndarray) -> None:
        """Notes the actions [N, n] that were taken after the latest step, with which a step of time has passed."""
        self._last_action[:] = self._codes[actions]
        self._time += 1

    def step(self, obs: np.ndarray) -> np.ndarray:
        """Observations [N, n, O] of any real dtype → utilities [N, n, U] float32, overwritten by the next call."""
        self._obs[:] = self._look(obs)
        if self._episode_limit is not None:
            self._share_of_time[:] = self._time / self._episode_limit
        self._forward()
        if self._clamp is not None:
            self._utilities.clamp_(*self._clamp)
        return self._utilities.numpy().reshape(*self._obs.shape[:2], self._n_actions)

    def _forward(self) -> None:
        """From what rows see to their utilities and next hidden states."""
        weight, bias = self._encoder
        torch.addmm(bias, self._inputs, weight, out=self._encoded).relu_()
        torch.mm(self._encoded, self._input_weight, out=self._from_input)
        torch.mm(self._hidden, self._hidden_weight, out=self._from_hidden)
        torch.cat(self._gru_biases, out=self._bias)
        new = self._new_hidden.numpy()
        self._step_rows(
            self._products.numpy(), self._bias.numpy(), self._hidden.numpy(), self._gates, new, new[:0]
        )
        self._hidden, self._new_hidden = self._new_hidden, self._hidden
        weight, bias = self._head
        torch.addmm(bias, self._hidden, weight, out=self._utilities)

    @torch.no_grad()
    def _look(self, obs: np.ndarray) -> np.ndarray:
        """Observations as the first linear layer takes them."""
        return self._agent.look(torch.from_numpy(obs)).numpy() if self._looks else obs
