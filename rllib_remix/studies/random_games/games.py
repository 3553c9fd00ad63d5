"""Payoff tensors drawn at random, of which those that a monotonic value represents are left out."""

from __future__ import annotations

from itertools import pairwise, product

import torch
from torch import Tensor

_DRAWN_AT_ONCE = 4096


def joint_actions(n_agents: int, n_actions: int) -> Tensor:
    """All joint actions, the last agent's changing first: [K, n] int64 with K = U^n."""
    return torch.tensor(list(product(range(n_actions), repeat=n_agents)))


def draw_games(count: int, n_agents: int, n_actions: int, *, seed: int) -> Tensor:
    """Payoffs of games that are not monotonic, independent standard normal numbers: [G, K] float32.

    Args:
        count: G. n_agents, n_actions: n and U. seed: of all draws.
    """
    draw = torch.Generator().manual_seed(seed)
    found: list[Tensor] = []
    while sum(map(len, found)) < count:
        payoffs = torch.randn(_DRAWN_AT_ONCE, n_actions**n_agents, generator=draw)
        found.append(payoffs[~are_monotonic(payoffs, n_agents, n_actions)])
    return torch.cat(found)[:count]


def are_monotonic(payoffs: Tensor, n_agents: int, n_actions: int) -> Tensor:
    """Whether every agent's actions have one order, whatever the others do: [G, K] → [G] bool.

    Only then are there utilities of which the payoff is a monotonic function.
    """
    tables = payoffs.unflatten(-1, (n_actions,) * n_agents)
    monotonic = torch.ones(len(payoffs), dtype=torch.bool)
    for agent in range(n_agents):
        # [G, U, others]; sorted by one of the others' joint actions, all others must be sorted too.
        of_agent = tables.movedim(1 + agent, 1).flatten(2)
        order = of_agent[..., :1].argsort(1).expand_as(of_agent)
        ascending = of_agent.gather(1, order)
        for one, other in pairwise(range(n_actions)):
            monotonic &= (ascending[:, one] <= ascending[:, other]).all(-1)
    return monotonic
