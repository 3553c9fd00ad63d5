"""Stochastic policies π^a over available actions: log-probabilities, entropies and the policy gradient's loss."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rllib_remix.learning.loss import masked_sum
from rllib_remix.learning.targets import chosen


class Policies(NamedTuple):
    """The policies of a team at the steps of a batch. An agent with one available action has π = 1, log π = 0, H = 0."""

    log_probabilities: Tensor  # [B, T, n, U] float32, log π^a(u); -inf where unavailable
    taken: Tensor  # [B, T, n] float32, log π^a of the actions taken; on padding it may be -inf
    entropies: Tensor  # [B, T, n] float32, H(π^a) in nats


def policies_of(logits: Tensor, avail_actions: Tensor, actions: Tensor) -> Policies:
    """The policies by which actions were taken, with gradients of the logits.

    Args:
        logits: [B, T, n, U] float32. avail_actions: [B, T, n, U] bool. actions: [B, T, n] int64.
    """
    log_probabilities = log_policy(logits, avail_actions)
    return Policies(log_probabilities, chosen(log_probabilities, actions), entropies(log_probabilities))


def log_policy(logits: Tensor, avail_actions: Tensor) -> Tensor:
    """log π = log softmax of the available actions' logits; of these alone, so that a mask changes no ratio of others.

    An agent with a single available action has log π = 0 exactly, and its logits no gradient.

    Args:
        logits: [..., U] float32.
        avail_actions: [..., U] bool. Rows that are all False (padding) count as all True.

    Returns:
        [..., U] float32, -inf for actions that are not available.
    """
    avail_actions = avail_actions | ~avail_actions.any(-1, keepdim=True)
    return logits.masked_fill(~avail_actions, -torch.inf).log_softmax(-1)


def entropies(log_probabilities: Tensor) -> Tensor:
    """H(π) = -Σ_u π(u)·log π(u) of [..., U] log-probabilities, maybe -inf: [...] float32 in [0, log U]."""
    finite = log_probabilities.masked_fill(log_probabilities == -torch.inf, 0.0)
    return -(log_probabilities.exp() * finite).sum(-1)


def expected_values(log_probabilities: Tensor, values: Tensor) -> Tensor:
    """Σ_u π(u)·Q(u) of [..., U] log-probabilities and finite values: [...] float32."""
    return (log_probabilities.exp() * values).sum(-1)


@torch.no_grad()
def counterfactual_advantages(log_probabilities: Tensor, values: Tensor, actions: Tensor) -> Tensor:
    """A(u) = Q(u) - Σ_v π(v)·Q(v): what an agent's action is worth, against what π would have done (Foerster et al. 2018).

    Σ_u π(u)·A(u) = 0. An agent with a single available action has A = 0 exactly.

    Args:
        log_probabilities: [..., U] float32, log π. values: [..., U] float32, finite. actions: [...] int64.

    Returns:
        [...] float32, without gradient.
    """
    return chosen(values, actions) - expected_values(log_probabilities, values)


def mean_over_steps(values: Tensor, mask: Tensor, num_steps: Tensor) -> Tensor:
    """Mean over real steps, and over agents if there are some.

    Args:
        values: [B, T] or [B, T, n] float32; where the mask is False they may be anything.
        mask: [B, T] bool.
        num_steps: scalar float32, the real steps of the whole batch (more than the mask's if it is a shard).
    """
    if values.dim() > mask.dim():
        values = values.masked_fill(~mask.unsqueeze(-1), 0.0).mean(-1)
    return masked_sum(values, mask) / num_steps


def policy_gradient_loss(taken: Tensor, advantages: Tensor, mask: Tensor, num_steps: Tensor) -> Tensor:
    """-mean over steps and agents of A·log π^a(u_a): its gradient is that of the expected return, times -1/n.

    Args:
        taken: [B, T, n] float32, log π^a of the actions taken.
        advantages: [B, T], one for all agents, or [B, T, n]; what gradient they have is dropped.
        mask, num_steps: as of `mean_over_steps`.
    """
    # Masked before it is multiplied: the gradient of a product with NaN is NaN, even if the product is masked.
    taken = taken.masked_fill(~mask.unsqueeze(-1), 0.0)
    if advantages.dim() < taken.dim():
        advantages = advantages.unsqueeze(-1)
    return -mean_over_steps(advantages.detach() * taken, mask, num_steps)


def drawn_actions(log_probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """Actions by the inverse of π's distribution function: the first before which and at which more than u adds up.

    Args:
        log_probabilities: [..., U] float32, log π.
        uniforms: [...] float64 in [0, 1).

    Returns:
        [...] int64, none of them with π = 0.
    """
    reached = log_probabilities.double().exp().cumsum(-1)
    return (reached <= uniforms.unsqueeze(-1) * reached[..., -1:]).sum(-1)


def numbered_uniforms(numbers: Tensor, count: int) -> Tensor:
    """Numbers that look drawn evenly from [0, 1), `count` for each of [B] numbers ≥ 0, and always the same for these.

    So what an update draws depends neither on what was drawn before nor on how learners share the batch. It is the hash
    "PCG" of Jarzynski and Olano 2020, which passes as random.

    Returns:
        [B, count] float64.
    """
    counter = numbers.long().unsqueeze(-1) * count + torch.arange(count, device=numbers.device)
    return _pcg(counter).double() / 2**32


def uniforms_of_update(numbers: Tensor, update: Tensor, count: int) -> Tensor:
    """As `numbered_uniforms`, but others in every update, and an episode's first ones do not depend on `count`.

    Args:
        numbers: [B] of the episodes. update: [B] integers ≥ 0, the update's number.

    Returns:
        [B, count] float64.
    """
    begin = _pcg(_pcg(numbers.long()) + update.long())
    return _pcg(begin.unsqueeze(-1) + torch.arange(count, device=numbers.device)).double() / 2**32


def _pcg(numbers: Tensor) -> Tensor:
    """The hash of int64 numbers ≥ 0, of which the lower 32 bits count: int64 in [0, 2³²)."""
    state = (numbers % 2**32 * 747796405 + 2891336453) % 2**32
    word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737 % 2**32
    return (word >> 22) ^ word
