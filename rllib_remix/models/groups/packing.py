"""The steps of agents in groups, so that each group's networks compute theirs side by side."""

from __future__ import annotations

import torch
from torch import Tensor

from rllib_remix.models.groups.assignment import GroupPlaces
from rllib_remix.models.packing import AgentPacking


class GroupedPacking(AgentPacking):
    """As AgentPacking, and where its R rows stand in arrays [G, M] that networks of G groups take.

    In these every group has first step 0 of its rows, then step 1 of those that have one, …, its longest lives first;
    and every group has as many rows of a step as the one that has most. What is too many stands at the ends of lives,
    so that nothing that counts follows from it.

    Args:
        lives, steps: as AgentPacking's.
        places: of the agents.

    Attributes:
        group_sizes: how many rows every group has of step 0, of step 1, …; never increasing, their sum is M.
        places: [R] int64, where each row stands in [G·M].
        sources: [G·M] int64, the row that stands there; the first row where there would be none.
    """

    def __init__(self, lives: Tensor, steps: int, places: GroupPlaces):
        super().__init__(lives, steps)
        episodes, of_agents = len(lives), torch.tensor(places.of_agents, device=lives.device)
        of_places = lives.new_zeros(places.count * places.largest, episodes)
        of_places[of_agents] = lives.t()
        descending, order = of_places.view(places.count, -1).sort(stable=True, descending=True, dim=-1)
        rank = order.argsort(-1).view(-1, episodes)[of_agents]  # [n, B]
        longest = descending.amax(0)  # [k·B], as all groups then have it
        sizes = (torch.arange(steps, device=lives.device).unsqueeze(-1) < longest).sum(-1)
        first = sizes.cumsum(0) - sizes
        self.group_sizes = [size for size in sizes.tolist() if size]
        total = sum(self.group_sizes)
        group = torch.tensor(places.groups, device=lives.device)[self.agent]
        self.places = group * total + first[self.step] + rank[self.agent, self.episode]
        self.sources = self.places.new_zeros(places.count * total)
        self.sources[self.places] = torch.arange(len(self.places), device=lives.device)

    def first_states(self, hidden: Tensor) -> Tensor:
        """States of every agent [B, n, H] as networks of groups take them at step 0, [G, group_sizes[0], H]."""
        first, total = self.batch_sizes[0], sum(self.group_sizes)
        places, groups = self.places[:first], len(self.sources) // total
        states = hidden.new_zeros(groups, self.group_sizes[0], hidden.shape[-1])
        states[places // total, places % total] = hidden[self.of_first_step()]
        return states
