"""The recurrent agent network: every agent's utilities from its own observation-action history."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rllib_remix.models.layers import linear
from rllib_remix.models.packed_gru import gru_outputs
from rllib_remix.models.packing import AgentPacking


class RecurrentAgent(nn.Module):
    """Linear to H, ReLU, GRU of H, linear to U; one set of parameters for all agents.

    Its input is the agent's observation, a one-hot of its last action (zeros at the first step) and, if asked
    for, a one-hot of its index. Hidden states are [rows, H] float32, where a row is one agent of one episode.

    Args:
        obs_dim, n_actions, n_agents: O, U and n.
        hidden_dim: H.
        observe_last_action, observe_agent_id: which of the two one-hots are part of the input.
        utility_clamp: (low, high) limits of the utilities, or None. The MAC-PO reference code uses (-5, 2).
    """

    def __init__(
        self,
        obs_dim: int,
        n_actions: int,
        n_agents: int,
        *,
        hidden_dim: int = 64,
        observe_last_action: bool = True,
        observe_agent_id: bool = True,
        utility_clamp: tuple[float, float] | None = None,
    ):
        super().__init__()
        self.n_actions, self.n_agents, self.hidden_dim = n_actions, n_agents, hidden_dim
        self.observe_last_action, self.observe_agent_id = observe_last_action, observe_agent_id
        self.utility_clamp = utility_clamp
        input_dim = obs_dim + n_actions * observe_last_action + n_agents * observe_agent_id
        self.encoder = nn.Linear(input_dim, hidden_dim)
        self.gru = nn.GRU(hidden_dim, hidden_dim)
        self.head = nn.Linear(hidden_dim, n_actions)

    def inputs(self, obs: Tensor, actions: Tensor, packing: AgentPacking, dtype: torch.dtype) -> Tensor:
        """What the network sees at the packed steps; the same for all networks of these settings.

        Args:
            obs: [B, T+1, n, O], any real dtype.
            actions: [B, T, n] integers; the action of step t is an input of step t + 1.
            packing: of lives in [B, T+1, n].
            dtype: float32 or bfloat16, in which the network then computes.

        Returns:
            [R, I] of that dtype.
        """
        obs_dim = obs.shape[-1]
        inputs = obs.new_zeros(len(packing.index), self.encoder.in_features, dtype=dtype)
        inputs[:, :obs_dim] = packing.pack(obs)
        first_column = torch.arange(len(inputs), device=obs.device) * inputs.shape[1] + obs_dim
        entries = inputs.view(-1)
        if self.observe_last_action:
            later = slice(packing.batch_sizes[0], None)  # At the first step there is no last action.
            last_actions = actions[packing.episode[later], packing.step[later] - 1, packing.agent[later]]
            entries.index_fill_(0, first_column[later] + last_actions, 1)
            first_column = first_column + self.n_actions
        if self.observe_agent_id:
            entries.index_fill_(0, first_column + packing.agent, 1)
        return inputs

    def forward(self, inputs: Tensor, batch_sizes: list[int]) -> Tensor:
        """Utilities along whole lives, in one fused recurrent call.

        Args:
            inputs: [R, I] from `inputs`, float32 or bfloat16; everything before the head is computed in its dtype.
            batch_sizes: of the same packing.

        Returns:
            [R, U] float32.
        """
        encoded = torch.relu_(linear(self.encoder, inputs))
        return self._clamp(gru_outputs(self.gru, self.head, encoded, batch_sizes))

    def step(self, obs: Tensor, last_actions: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Utilities of one step, for acting.

        Args:
            obs: [N, n, O], any real dtype.
            last_actions: [N, n] integers; -1 where the episode has just begun.
            hidden: [N·n, H] float32; zeros where the episode has just begun.

        Returns:
            utilities [N, n, U] float32 and the next hidden states [N·n, H].
        """
        encoded = self._encode(obs, last_actions).view(1, -1, self.hidden_dim)
        output, hidden = self.gru(encoded, hidden.unsqueeze(0))
        return self._clamp(self.head(output)).view(*obs.shape[:2], self.n_actions), hidden.squeeze(0)

    def _encode(self, obs: Tensor, last_actions: Tensor) -> Tensor:
        parts = [obs.to(self.encoder.weight.dtype)]
        if self.observe_last_action:
            # Action -1 stands for "none yet" and is in no column.
            columns = torch.arange(self.n_actions, device=obs.device)
            parts.append((last_actions.unsqueeze(-1) == columns).to(parts[0].dtype))
        if self.observe_agent_id:
            identity = torch.eye(self.n_agents, dtype=parts[0].dtype, device=obs.device)
            parts.append(identity.expand(*obs.shape[:-1], self.n_agents))
        return torch.relu(self.encoder(torch.cat(parts, dim=-1)))

    def _clamp(self, utilities: Tensor) -> Tensor:
        return utilities if self.utility_clamp is None else utilities.clamp(*self.utility_clamp)
