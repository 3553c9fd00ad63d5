"""COMA's critic: the values of all actions of an agent, given what the others do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rllib_remix.models.critics.agent_critic import AgentCritic
from rllib_remix.models.normalizer import RunningNormalizer


class COMACritic(nn.Module):
    """Q^a(s, o_a, u_{-a}, last joint action, a; ·), in which u_a is not an input (Foerster et al. 2018).

    Args:
        obs_dim, n_actions, n_agents, state_dim: O, U, n and S.
        hidden_dim: units of each of its two hidden layers.
        image_shape: as of AgentCritic.
    """

    def __init__(
        self,
        obs_dim: int,
        n_actions: int,
        n_agents: int,
        state_dim: int,
        *,
        hidden_dim: int = 128,
        image_shape: tuple[int, ...] = (),
    ):
        super().__init__()
        self.n_actions, self.n_agents = n_actions, n_agents
        self.values = AgentCritic(
            obs_dim,
            n_agents,
            state_dim,
            n_actions,
            more=2 * n_agents * n_actions,
            hidden_dim=hidden_dim,
            image_shape=image_shape,
        )

    def begin_at_zero(self) -> None:
        """Lets all values begin at 0."""
        self.values.begin_at_zero()

    def rescale(self, factor: float) -> None:
        """Multiplies all values by a factor."""
        self.values.rescale(factor)

    def forward(
        self,
        state: Tensor,
        obs: Tensor,
        actions: Tensor,
        last_actions: Tensor,
        normalizer: RunningNormalizer | None = None,
    ) -> Tensor:
        """Values of every agent's actions, if the others do what they did.

        Args:
            state: [N, S], float32 or bfloat16, in which all layers but the last compute.
            obs: [N, n, O], any real dtype.
            actions: [N, n] int64, the joint action. last_actions: [N, n] int64, that of the step before; -1 for none.
            normalizer: of the observations.

        Returns:
            [N, n, U] float32.
        """
        columns = self.values.columns(state.dtype)
        first = self.values.after_first_layer(state, self.values.look(obs, normalizer, state.dtype), columns)
        of_actions, of_last = columns[2].tensor_split(2, dim=1)
        first += self._one_hots(last_actions, state.dtype).flatten(1) @ of_last.t()
        return self.values.outputs(self._with_others(first, self._one_hots(actions, state.dtype), of_actions))

    def _one_hots(self, actions: Tensor, dtype: torch.dtype) -> Tensor:
        """[N, n] int64 → [N, n, U]; action -1 is in no column."""
        return (actions.unsqueeze(-1) == torch.arange(self.n_actions, device=actions.device)).to(dtype)

    def _with_others(self, first: Tensor, one_hots: Tensor, weight: Tensor) -> Tensor:
        """Every agent's first layer [n, N, H] with what the actions [N, n, U] of the others add.

        What each agent's action adds is computed once. Sums over all but one come from a product with a matrix of ones
        but for a diagonal of zeros: subtracted from the sum over all, an action would leave its rounding behind.
        """
        by_agent = weight.t().unflatten(0, (self.n_agents, self.n_actions))
        added = torch.bmm(one_hots.transpose(0, 1), by_agent)
        others = 1 - torch.eye(self.n_agents, dtype=added.dtype, device=added.device)
        return torch.addmm(first.flatten(1), others, added.flatten(1)).view_as(added)
