"""Clipping of proximal policy optimization: how far an update may move policies and values from where they were."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def clipped_objective(log_ratios: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """min(ρ·A, clip(ρ, 1 - c, 1 + c)·A), to be maximised, ρ = π(u) / π_old(u) (Schulman et al. 2017).

    At ρ = 1 its gradient is A·∇log π(u), that of the policy gradient. It has none where ρ has left the range already to
    the side that A asks for: above 1 + c if A > 0, below 1 - c if A < 0.

    Args:
        log_ratios: [...] float32, log π(u) - log π_old(u), finite.
        advantages: [...] float32, A, without gradient.
        clip_range: c > 0.

    Returns:
        [...] float32.
    """
    ratios = log_ratios.exp()
    return torch.minimum(ratios * advantages, ratios.clamp(1.0 - clip_range, 1.0 + clip_range) * advantages)


def are_clipped(log_ratios: Tensor, clip_range: float) -> Tensor:
    """[...] bool, whether a ratio is outside of [1 - c, 1 + c], by its [...] logarithm."""
    return (log_ratios.exp() - 1.0).abs() > clip_range


def kl_terms(log_ratios: Tensor) -> Tensor:
    """ρ - 1 - log ρ ≥ 0 of [...] log ρ, whose expectation under π_old is the divergence KL(π_old ‖ π) (Schulman 2020)."""
    return log_ratios.expm1() - log_ratios


def huber(errors: Tensor, delta: float | None) -> Tensor:
    """½e² up to |e| = δ, and from there on δ·(|e| - ½δ), as steep as there (Huber 1964); without δ ½e² everywhere."""
    if delta is None:
        return 0.5 * errors.square()
    return functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=delta)


def clipped_value_errors(
    values: Tensor,
    old_values: Tensor,
    targets: Tensor,
    *,
    clip_range: float | None,
    huber_delta: float | None,
) -> Tensor:
    """The greater of the losses of V and of V_old + clip(V - V_old, -c, c), each `huber` of its distance from the target.

    It has no gradient where V has come nearer to the target than V_old by more than c. Without c it is that of V alone.

    Args:
        values: [...] float32, with gradient. old_values, targets: [...] float32, without.
        clip_range: c > 0, in the unit of these. huber_delta: δ > 0, in the same.

    Returns:
        [...] float32.
    """
    losses = huber(targets - values, huber_delta)
    if clip_range is None:
        return losses
    clipped = old_values + (values - old_values).clamp(-clip_range, clip_range)
    return torch.maximum(losses, huber(targets - clipped, huber_delta))
