"""The weighted temporal-difference loss."""

from __future__ import annotations

from torch import Tensor


def masked_sum(values: Tensor, mask: Tensor) -> Tensor:
    """Σ over real steps of [B, T] float32; padding may hold anything."""
    return values.masked_fill(~mask, 0.0).sum()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over real steps of [B, T] float32; 0 if there are none."""
    return masked_sum(values, mask) / mask.sum().clamp(min=1)


def masked_std(values: Tensor, mask: Tensor) -> Tensor:
    """Standard deviation over real steps of [B, T] float32, √(mean of squared distances); 0 if there are none."""
    return masked_mean((values - masked_mean(values, mask)) ** 2, mask).sqrt()


def weighted_squared_error(
    prediction: Tensor, targets: Tensor, weights: Tensor | None, mask: Tensor, num_steps: Tensor
) -> Tensor:
    """Σ w·(Q - y)² over real steps, divided by `num_steps`.

    Args:
        prediction: [B, T] float32, with gradient.
        targets: [B, T] float32, without.
        weights: [B, T] float32, without; None is 1 everywhere.
        mask: [B, T] bool; where it is False everything else may hold anything.
        num_steps: scalar float32, the real steps of the whole batch (more than the mask's if it is a shard).
    """
    # Masked before it is squared, so that padding has no gradient either (0 times NaN would be NaN).
    squared_error = (prediction - targets).masked_fill(~mask, 0.0) ** 2
    return masked_sum(squared_error if weights is None else weights * squared_error, mask) / num_steps
