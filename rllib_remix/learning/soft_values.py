"""Entropy-regularised values at a temperature α: of single agents, of their policies, and of the team (Zhang et al. 2021, FOP)."""

from __future__ import annotations

import torch
from torch import Tensor

from rllib_remix.learning.policies import entropies, expected_values


def soft_values(values: Tensor, avail_actions: Tensor, temperature: Tensor | float) -> Tensor:
    """V = α·log Σ_u exp(Q(u)/α) over available actions: at least their greatest Q, which it is in the limit α → 0.

    Args:
        values: [..., U] float32, Q. avail_actions: [..., U] bool. Rows that are all False (padding) count as all True.
        temperature: α > 0, in the unit of the values.

    Returns:
        [...] float32. Of a single available action it is its Q exactly.
    """
    avail_actions = avail_actions | ~avail_actions.any(-1, keepdim=True)
    values = values.masked_fill(~avail_actions, -torch.inf)
    best = values.amax(-1, keepdim=True)
    return best.squeeze(-1) + temperature * ((values - best) / temperature).logsumexp(-1)


def soft_policy_losses(log_probabilities: Tensor, values: Tensor, temperature: Tensor | float) -> Tensor:
    """Σ_u π(u)·(α·log π(u) - Q(u)), which is least at π = softmax(Q/α), where it is -V.

    Args:
        log_probabilities: [..., U] float32, log π; -inf where unavailable.
        values: [..., U] float32, Q, finite; they get no gradient.
        temperature: α > 0.

    Returns:
        [...] float32.
    """
    expected = expected_values(log_probabilities, values.detach())
    return -expected - temperature * entropies(log_probabilities)


def soft_state_values(joint_values: Tensor, taken: Tensor, temperature: Tensor | float) -> Tensor:
    """Q_jt(u) - α·mean_a log π^a(u_a) of a joint action u drawn from π: an estimate of the team's value, entropy included.

    As the entropy is a mean over agents and not their sum, the joint policy's temperature is α/n, as in the authors' code.

    Args:
        joint_values: [...] float32, Q_jt(u). taken: [..., n] float32, log π^a(u_a). temperature: α.

    Returns:
        [...] float32.
    """
    return joint_values - temperature * taken.mean(-1)
