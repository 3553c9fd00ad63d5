"""Teams learn their games, full batch: every update is over all joint actions, equally often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rllib_remix.learning.weighting import WeightingInputs
from rllib_remix.studies.random_games.games import joint_actions
from rllib_remix.studies.random_games.readings import Weigh
from rllib_remix.studies.random_games.teams import Teams


@dataclass(frozen=True)
class Learned:
    """What a weighting has led to after so many updates."""

    updates: int
    regret: Tensor  # [G] float32, best payoff minus that of the greedy joint action
    agreement: (
        Tensor  # [G] float32, rank correlation of the weights with `influence`; NaN if all weights are alike
    )


def learn(
    payoffs: Tensor,
    n_agents: int,
    n_actions: int,
    weigh: Weigh,
    *,
    checks: Sequence[int],
    lr: float = 1e-3,
    seed: int = 0,
) -> list[Learned]:
    """Fits Q_tot and Q* of every game to its payoffs, with Adam.

    Args:
        payoffs: [G, K] float32. n_agents, n_actions: n and U; K = U^n.
        weigh: gives the weights of one game, as a scheme of `learning/weighting.py` of a batch of K episodes of one step.
        checks: after how many updates to look; ascending.
        lr: of Adam. seed: of the initial values.

    Returns:
        One for each of `checks`.
    """
    teams = Teams(len(payoffs), n_agents, n_actions, joint_actions(n_agents, n_actions), seed=seed)
    optimizer = torch.optim.Adam(teams.parameters(), lr=lr)
    found = []
    for update in range(1, checks[-1] + 1):
        q_tot, gradient = teams.q_tot()
        with torch.no_grad():
            weights = weights_of_games(weigh, teams.seen(payoffs, q_tot, gradient))
        # Sums over games, as no two share a weight: each learns as if it were alone.
        loss = (weights * (q_tot - payoffs).square()).mean(-1).sum()
        loss = loss + (teams.q_star - payoffs).square().mean(-1).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update in checks:
            found.append(_looked_at(teams, payoffs, weigh, update))
    return found


def weights_of_games(weigh: Weigh, seen: WeightingInputs) -> Tensor:
    """[G, K] float32: the weights of every game, each a batch of its own; `seen` as of `Teams.seen`."""
    return torch.vmap(lambda game: weigh(game).weights)(seen).squeeze(-1)


def _looked_at(teams: Teams, payoffs: Tensor, weigh: Weigh, update: int) -> Learned:
    q_tot, gradient = teams.q_tot()
    weights = weights_of_games(weigh, teams.seen(payoffs, q_tot, gradient))
    reached = payoffs.gather(-1, teams.greedy().unsqueeze(-1)).squeeze(-1)
    return Learned(
        update,
        payoffs.amax(-1) - reached,
        rank_correlation(weights.detach(), influence(teams, payoffs, q_tot.detach(), gradient)),
    )


def influence(teams: Teams, payoffs: Tensor, q_tot: Tensor, gradient: Tensor) -> Tensor:
    """How fast the Boltzmann policies' expected payoff rises with a joint action's weight: [G, K] float32.

    A step of gradient descent on w·(Q_tot(u) - y)² moves the utilities by -2·w·(Q_tot - y)·f'_a, each agent's of its action,
    and with them J = Σ_u Π_a π^a(u_a)·R(u). So that is -Σ_a 2·(Q_tot(u) - R(u))·f'_a·∂J/∂Q^a(u_a). Weights in the order of
    these numbers are those that minimize regret fastest.
    """
    expected = (teams.log_policy().exp() * payoffs).sum()
    (by_utility,) = torch.autograd.grad(expected, teams.utilities)  # [G, n, U]
    agents = range(teams.joint.shape[1])
    of_action = torch.stack([by_utility[:, agent, teams.joint[:, agent]] for agent in agents], -1)
    return -2 * (q_tot - payoffs) * (gradient * of_action).sum(-1)


def rank_correlation(one: Tensor, other: Tensor) -> Tensor:
    """Spearman's, of [G, K] and [G, K] along K, equal values at their mean rank: [G] float32; NaN where all of one are equal."""
    a, b = (_ranks(values) for values in (one, other))
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    return (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1)).sqrt()


def _ranks(values: Tensor) -> Tensor:
    """[G, K] → [G, K] float32: how many are less, and half of how many are equal."""
    this, others = values.unsqueeze(-1), values.unsqueeze(-2)
    return (others < this).float().sum(-1) + 0.5 * (others == this).float().sum(-1)
