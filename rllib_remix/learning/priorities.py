"""Weights as priorities of whole episodes: the schemes' second mode, in which batches are drawn by weight.

Drawing with priority p and the loss L has the expected gradient of uniform drawing with the loss p·L / mean(p)
(Fujimoto et al. 2020; MAC-PO, section 2.3). So an episode is drawn in proportion to its mean weight, and its steps
keep the profile of their weights within the episode.
"""

from __future__ import annotations

import torch
from torch import Tensor


def episode_priorities(weights: Tensor, mask: Tensor) -> Tensor:
    """p_e: mean weight of each episode's real steps.

    Args:
        weights: [B, T] float32, 0 on padding.
        mask: [B, T] bool.

    Returns:
        [B] float32.
    """
    return weights.sum(-1) / mask.sum(-1).clamp(min=1)


def profile_weights(weights: Tensor, priorities: Tensor, importance: Tensor) -> Tensor:
    """w_t / p_e times the episode's importance correction: the loss weights of episodes that were drawn by priority.

    Args:
        weights: [B, T] float32, 0 on padding.
        priorities: [B] float32, their means p_e.
        importance: [B] float32, (1 / (N·P_e))^β over the greatest of the batch, as the replay buffer gives it.

    Returns:
        [B, T] float32; without correction every episode's mean over real steps is 1, or 0 if its weights are all 0.
    """
    mean = priorities.unsqueeze(-1)
    return torch.where(mean > 0, weights / mean, 0.0) * importance.unsqueeze(-1)
