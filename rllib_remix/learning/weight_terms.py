"""The factors of the loss weights, one pure function each, named as in the papers."""

from __future__ import annotations

import torch
from torch import Tensor


def value_underestimation(q_star: Tensor, q_tot: Tensor, *, exponent_clamp: float) -> Tensor:
    """V = exp(Q* - Q_tot), the second factor of ReMIX's weight: [B, T] float32, above 1 where Q_tot is below Q*."""
    return (q_star - q_tot).clamp(-exponent_clamp, exponent_clamp).exp()


def value_enhancement(q_star: Tensor, q_tot: Tensor) -> Tensor:
    """exp(-|Q_tot - Q*|), the second factor of MAC-PO's weight: [B, T] float32 in [0, 1]."""
    return torch.exp(-(q_tot - q_star).abs())


def mixer_gradient_term(action_probs: Tensor, mixer_gradient: Tensor, *, floor: float) -> Tensor:
    """G = Σ_j (1 - π^j) / f'_j - 1, the third factor of ReMIX's weight; it may come out negative.

    Args:
        action_probs, mixer_gradient: [B, T, n] float32, π^j and f'_j.
        floor: f'_j is at least this.

    Returns:
        [B, T] float32.
    """
    return ((1.0 - action_probs) / mixer_gradient.clamp(min=floor)).sum(-1) - 1.0


def error_priority(bellman_error: Tensor, *, alpha: float, epsilon: float) -> Tensor:
    """(|δ| + ε)^α, the priority of prioritized experience replay (Schaul et al. 2016, equation 1): [B, T] float32."""
    return (bellman_error.abs() + epsilon) ** alpha


def spread_backwards(priorities: Tensor, *, decay: float, window: int) -> Tensor:
    """What leads to an important step is important: p_{t-k} ← max(p_{t-k}, p_t·ρ^k) for k ≤ window (PSER).

    Args:
        priorities: [B, T] float32, 0 on padding.
        decay: ρ, in [0, 1].
        window: steps back that a priority reaches.

    Returns:
        [B, T] float32, nowhere less than before. Nothing crosses from one episode to another.
    """
    spread = priorities.clone()
    for back in range(1, min(window, priorities.shape[1] - 1) + 1):
        reached = spread[:, :-back]
        torch.maximum(reached, priorities[:, back:] * decay**back, out=reached)
    return spread
