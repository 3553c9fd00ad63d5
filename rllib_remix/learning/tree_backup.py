"""Targets from episodes that other policies have played: the tree backup."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rllib_remix.learning.targets import step_mask


def tree_backup_returns(
    rewards: Tensor,
    taken: Tensor,
    expected: Tensor,
    probabilities: Tensor,
    lengths: Tensor,
    terminated: Tensor,
    *,
    gamma: float,
    td_lambda: float,
    steps: int,
) -> Tensor:
    """What π earns after the action taken, as far as it would have done what was done (Precup et al. 2000).

    y_t = Q(u_t) + Σ_{l < steps} (γλ)^l·Π_{1 ≤ j ≤ l} π(u_{t+j})·δ_{t+l}, with δ_t = r_t + γ·E_π Q(t+1) - Q(u_t). The sum
    ends with the episode, after whose last step Q is 0 if it terminated. Neither the policy that played need be known,
    nor is anything divided by it. With π = 0 behind the first step it is the one-step target r_t + γ·E_π Q(t+1); with
    π = 1, λ = 1 and E_π Q = Q(u) the n-step return.

    Args:
        rewards: [B, T] float32.
        taken: [B, T] float32, Q(u_t), the target network's value of the joint action taken.
        expected: [B, T+1] float32, E_π Q, its expectation under π.
        probabilities: [B, T] float32 in [0, 1], π(u_t) of the joint action taken.
        lengths: [B] int64, 1 … T.
        terminated: [B] bool.
        gamma: discount γ per env step. td_lambda: λ.
        steps: how many δ count, 1 or more.

    Returns:
        [B, T] float32; 0 on padding, where everything may hold anything.
    """
    count = rewards.shape[1]
    mask = step_mask(lengths, count)
    is_last = torch.arange(count, device=rewards.device) == lengths.unsqueeze(-1) - 1
    following = torch.where(is_last & terminated.unsqueeze(-1), 0.0, expected[:, 1:])
    errors = torch.where(mask, rewards + gamma * following - taken, 0.0)
    # Of the next step's action; nothing goes on from an episode's last step to what is behind it.
    traces = gamma * td_lambda * functional.pad(probabilities[:, 1:], (0, 1))
    sums = _decayed_sums(errors, torch.where(mask & ~is_last, traces, 0.0), min(steps, count))
    return torch.where(mask, taken + sums, 0.0)


def _decayed_sums(errors: Tensor, traces: Tensor, steps: int) -> Tensor:
    """S_t = Σ_{l < steps} Π_{j < l} c_{t+j}·δ_{t+l} of [B, T] errors δ and traces c.

    Of m steps and then k it is S^m_t + C^m_t·S^k_{t+m}, with C^m the product of m traces. So there are log2(steps)
    doublings, of which those count that the binary digits of `steps` name, and no loop over steps.
    """
    sums, product, distance = errors, traces, 1
    found, reached, far = torch.zeros_like(errors), torch.ones_like(traces), 0
    while True:
        if steps & distance:
            found, reached = found + reached * _later(sums, far), reached * _later(product, far)
            far += distance
        if far == steps:
            return found
        sums, product = sums + product * _later(sums, distance), product * _later(product, distance)
        distance *= 2


def _later(values: Tensor, steps: int) -> Tensor:
    """[B, T] values of so many steps later; 0 beyond the end."""
    return functional.pad(values[:, steps:], (0, steps))
