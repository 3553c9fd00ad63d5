"""How likely the team was to take the actions that it took."""

from __future__ import annotations

import torch
from torch import Tensor


def boltzmann_probabilities(
    utilities: Tensor, avail_actions: Tensor, actions: Tensor, *, temperature: float
) -> Tensor:
    """π^j: each agent's Boltzmann probability of the action that it took, over its available actions.

    Args:
        utilities: [B, T, n, U] float32.
        avail_actions: [B, T, n, U] bool.
        actions: [B, T, n] int64.
        temperature: above 0; small is close to greedy. 1 in both papers.

    Returns:
        [B, T, n] float32 in [0, 1]; 1 for an agent with a single available action, 0 for an action that is not
        available (on padding).
    """
    # 1 / Σ_u exp((Q(u) - Q(taken)) / temperature): one pass, and an overflow is a probability of 0.
    taken = utilities.gather(-1, actions.unsqueeze(-1))
    odds = ((utilities - taken) / temperature).masked_fill(~avail_actions, -torch.inf).exp().sum(-1)
    available = avail_actions.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    return torch.where(available, odds.reciprocal(), 0.0)


def joint_action_probability(action_probs: Tensor) -> Tensor:
    """J = 1 + Σ_i Π_{j≠i} π^j - n·Π_j π^j, the last factor of MAC-PO's optimal weight (Theorem 1).

    Computed as 1 + Σ_i (1 - π^i)·Π_{j≠i} π^j, which is the same without a difference of large numbers. The products
    that leave one agent out come from prefix and suffix products: O(n), and no division, so an agent with π = 0 is
    no trouble.

    Args:
        action_probs: [..., n] float32 in [0, 1].

    Returns:
        [...] float32 in [1, 2]: the added sum is the probability that exactly one of n agents who draw by these
        probabilities does not repeat its action. 2 exactly when one probability is 0 and all others are 1
        (Theorem 2); 1 when all are 1, or when two or more are 0.
    """
    ones = torch.ones_like(action_probs[..., :1])
    before = torch.cat([ones, action_probs[..., :-1]], dim=-1).cumprod(-1)
    after = torch.cat([ones, action_probs.flip(-1)[..., :-1]], dim=-1).cumprod(-1).flip(-1)
    return 1.0 + ((1.0 - action_probs) * before * after).sum(-1)


def approximate_joint_action_probability(
    action_probs: Tensor, *, threshold: float, high: float, medium: float, low: float
) -> Tensor:
    """Three levels in the place of J, told apart without any product (MAC-PO, Algorithm 2 and section 4.3).

    With t the threshold: high where one agent's π ≤ t and every other's ≥ 1 - t (as at the maximum of J, Theorem 2);
    low where two or more agents' π ≤ t, or all are ≥ 1 - t (as where J = 1); medium elsewhere. The levels follow J as
    long as t·n is small.

    Args:
        action_probs: [..., n] float32 in [0, 1].
        threshold: t, in (0, 0.5): what counts as close to 0, and 1 - t as close to 1.
        high, medium, low: α_h, α_m, α_l.

    Returns:
        [...] float32.
    """
    n_agents = action_probs.shape[-1]
    unlikely = (action_probs <= threshold).sum(-1)
    certain = (action_probs >= 1.0 - threshold).sum(-1)
    is_high = (unlikely == 1) & (certain == n_agents - 1)
    is_low = (unlikely >= 2) | (certain == n_agents)
    levels = torch.full_like(action_probs[..., 0], medium)
    return levels.masked_fill(is_high, high).masked_fill(is_low, low)
