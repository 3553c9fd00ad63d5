"""The recurrent agent network of agents that do not share all parameters: several of one shape, computed as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rllib_remix.errors import SettingError
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.assignment import SETTING, GroupPlaces, agent_groups
from rllib_remix.models.groups.gru import grouped_gru_outputs
from rllib_remix.models.groups.layers import GroupedGRU, GroupedLinear, grouped_linear, gru_step
from rllib_remix.models.groups.packing import GroupedPacking
from rllib_remix.models.image_encoder import Images, encoded_shape
from rllib_remix.models.packing import AgentPacking


def recurrent_agent(
    groups: Sequence[int], obs_dim: int, n_actions: int, *, image_shape: tuple[int, ...] = (), **others: Any
) -> RecurrentAgent:
    """An untrained agent network: one set of parameters for every group, freshly initialised.

    Args:
        groups: [n] of every agent, from `agent_groups`.
        obs_dim, n_actions, image_shape, others: as RecurrentAgent has them.

    Raises:
        SettingError: several groups that see images.
    """
    check_sees_vectors(groups, image_shape)
    if not any(groups):
        return RecurrentAgent(obs_dim, n_actions, len(groups), image_shape=image_shape, **others)
    return GroupedAgent(obs_dim, n_actions, groups, **others)


def check_groups(networks: Mapping[str, Any], team: Any) -> None:
    """Raises SettingError if a config's `networks()` cannot be those of a team, a TeamSpec."""
    image_shape = encoded_shape(networks.get("encoder", "auto"), team.obs_shape)
    check_sees_vectors(agent_groups(networks, team.n_agents, team.agents), image_shape)


def check_sees_vectors(groups: Sequence[int], image_shape: tuple[int, ...]) -> None:
    """Raises SettingError if there are several groups, and convolutions encode what the agents see."""
    if any(groups) and image_shape:
        raise SettingError(
            f"{SETTING}: agents that see images share their parameters, as there are no convolutions for several groups; "
            "allowed: true, or encoder: mlp, which reads an image as a flat vector."
        )


class GroupedAgent(RecurrentAgent):
    """A RecurrentAgent for every group of agents, on agents of its own; in the state [G, …], in the order of the groups.

    What they see is the same for all, their normalizer too: an index is the agent's in the team, not in its group.

    Args:
        obs_dim, n_actions: O and U.
        groups: [n] of every agent, from `agent_groups`; two or more.
        others: as RecurrentAgent has them, without images.
    """

    def __init__(self, obs_dim: int, n_actions: int, groups: Sequence[int], **others: Any):
        self.places = GroupPlaces(groups)
        super().__init__(obs_dim, n_actions, len(groups), **others)

    def make_layers(self, input_dim: int, hidden_dim: int, outputs: int) -> tuple[nn.Module, ...]:
        groups = self.places.count
        return (
            GroupedLinear(groups, input_dim, hidden_dim),
            GroupedGRU(groups, hidden_dim, hidden_dim),
            GroupedLinear(groups, hidden_dim, outputs),
        )

    def packing(self, lives: Tensor, steps: int) -> GroupedPacking:
        return GroupedPacking(lives, steps, self.places)

    def _recurrent(
        self,
        head: Any,
        inputs: Tensor,
        packing: AgentPacking,
        images: Images | None,
        hidden: Tensor | None = None,
    ) -> Tensor:
        assert isinstance(packing, GroupedPacking)
        of_groups = inputs.index_select(0, packing.sources).unflatten(0, (self.places.count, -1))
        encoded = torch.relu_(self.encoder(of_groups))
        start = None if hidden is None else packing.first_states(hidden)
        outputs = grouped_gru_outputs(self.gru, head, encoded, packing.group_sizes, start)
        return outputs.flatten(0, 1).index_select(0, packing.places)

    def _step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """With every agent's own weights picked out, [n, …]."""
        group = torch.tensor(self.places.groups, device=inputs.device)

        def linear(weight: Tensor, bias: Tensor, rows: Tensor) -> Tensor:
            return grouped_linear(rows, weight[group], bias[group])

        gru, hidden = self.gru, hidden.unflatten(0, inputs.shape[:2]).transpose(0, 1)
        encoded = torch.relu(linear(self.encoder.weight, self.encoder.bias, inputs.transpose(0, 1)))
        of_input = linear(gru.weight_ih_l0, gru.bias_ih_l0, encoded)
        hidden = gru_step(of_input, linear(gru.weight_hh_l0, gru.bias_hh_l0, hidden), hidden)
        outputs = linear(self.head.weight, self.head.bias, hidden)
        return outputs.transpose(0, 1), hidden.transpose(0, 1).flatten(0, 1)
