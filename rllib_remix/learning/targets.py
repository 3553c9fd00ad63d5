"""Targets of the temporal-difference loss: greedy joint actions and λ-returns."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def greedy_actions(utilities: Tensor, avail_actions: Tensor) -> Tensor:
    """Each agent's best available action.

    Args:
        utilities: [..., U] float32.
        avail_actions: [..., U] bool. Rows that are all False (padding) give action 0.

    Returns:
        [...] int64.
    """
    return utilities.masked_fill(~avail_actions, -torch.inf).argmax(-1)


def chosen(utilities: Tensor, actions: Tensor) -> Tensor:
    """Utilities of given actions: [..., U] float32 and [...] int64 → [...] float32."""
    return utilities.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def step_mask(lengths: Tensor, steps: int) -> Tensor:
    """[B] episode lengths → [B, steps] bool, True on steps that were really taken."""
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(-1)


def lambda_returns(
    rewards: Tensor, values: Tensor, lengths: Tensor, terminated: Tensor, *, gamma: float, td_lambda: float
) -> Tensor:
    """λ-returns that are right for every episode length, and independent of padding.

    With L the length of an episode: G_{L-1} = r_{L-1}, plus γ·V(L) unless the episode terminated (a time limit
    is a truncation: it bootstraps); before it G_t = r_t + γ·[(1 - λ)·V(t+1) + λ·G_{t+1}]. The recursion is
    linear, so all steps come from one product: G = a·P with P[k, t] = (γλ)^(k-t) for k ≥ t, where a_k is
    what step k adds.

    Args:
        rewards: [B, T] float32.
        values: [B, T+1] float32, the target network's value of the greedy joint action at every step.
        lengths: [B] int64, 1 … T.
        terminated: [B] bool.
        gamma: discount γ per env step. td_lambda: λ; 0 is the one-step target.

    Returns:
        [B, T] float32; 0 on padding.
    """
    steps = rewards.shape[1]
    position = torch.arange(steps, device=rewards.device)
    mask = step_mask(lengths, steps)
    is_last, following = _ends(values, lengths, terminated)
    keep = torch.where(is_last, torch.ones_like(rewards), 1.0 - td_lambda)
    added = torch.where(mask, rewards + gamma * keep * following, 0.0)
    distance = position.unsqueeze(-1) - position
    decay = torch.where(distance >= 0, (gamma * td_lambda) ** distance.clamp(min=0).to(rewards.dtype), 0.0)
    return torch.where(mask, added @ decay, 0.0)


def _ends(values: Tensor, lengths: Tensor, terminated: Tensor) -> tuple[Tensor, Tensor]:
    """[B, T] twice: whether a step is the last of its episode, and the value of what follows it."""
    is_last = torch.arange(values.shape[1] - 1, device=values.device) == lengths.unsqueeze(-1) - 1
    # `where`, not products with 0: padding, and what follows a terminated episode, may hold anything, NaN included.
    return is_last, torch.where(is_last & terminated.unsqueeze(-1), 0.0, values[:, 1:])


def watkins_returns(
    rewards: Tensor,
    values: Tensor,
    lengths: Tensor,
    terminated: Tensor,
    took_greedy: Tensor,
    *,
    gamma: float,
    td_lambda: float,
) -> Tensor:
    """λ-returns that follow an episode only as far as the greedy policy would have gone.

    As `lambda_returns` with a λ for each step: G_t = r_t + γ·[V(t+1) + c_{t+1}·(G_{t+1} - V(t+1))], where c_t is λ if the
    joint action of step t is the greedy one, otherwise 0. That is Watkins's Q(λ). Of a greedy target policy π, Retrace(λ)
    (c = λ·min(1, π/μ), Munos et al. 2016) and the tree backup (c = λ·π, Precup et al. 2000) are the same.

    Args:
        took_greedy: [B, T] bool, whether the joint action of a step is the greedy one.
        rewards, values, lengths, terminated, gamma, td_lambda: as of `lambda_returns`.

    Returns:
        [B, T] float32; 0 on padding.
    """
    steps = rewards.shape[1]
    mask = step_mask(lengths, steps)
    is_last, following = _ends(values, lengths, terminated)
    # Of the next step's action; nothing goes on from an episode's last step to what is behind it.
    goes_on = functional.pad(took_greedy[:, 1:], (0, 1)) & mask & ~is_last
    trace = torch.where(goes_on, td_lambda, 0.0)
    returns = torch.where(mask, rewards + gamma * (1.0 - trace) * following, 0.0)
    factor, distance = gamma * trace, 1
    # G_t = returns_t + factor_t·G_{t+1}: what 1, 2, 4, … steps add, so that there are log2(T) steps and no loop over T.
    while distance < steps:
        returns = returns + factor * functional.pad(returns[:, distance:], (0, distance))
        factor = factor * functional.pad(factor[:, distance:], (0, distance))
        distance *= 2
    return returns


def possible_values(reward_range: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Between what every value lies if rewards lie in `reward_range` [2], low and high, and any step may be the last.

    Returns:
        The least and the greatest: min(0, low) / (1 - γ) and max(0, high) / (1 - γ); without limits if γ is 1.
    """
    if gamma == 1:
        return torch.full_like(reward_range[0], -torch.inf), torch.full_like(reward_range[1], torch.inf)
    return reward_range[0].clamp(max=0.0) / (1 - gamma), reward_range[1].clamp(min=0.0) / (1 - gamma)


def with_previous_at_the_end(values: Tensor, lengths: Tensor) -> Tensor:
    """Values [B, T+1] in which the one after an episode's last step is that of the observation before it.

    No action follows the last observation of an episode that was cut off, so that its value is never fitted to anything.
    If all episodes are cut at the same step, a recurrent network can tell that step from all others: its value there
    goes on with the trend of the steps before, and through the targets drives them.
    """
    last = lengths.unsqueeze(-1)
    return values.scatter(1, last, values.gather(1, last - 1))


def at_the_ends(
    values: Tensor,
    lengths: Tensor,
    terminated: Tensor,
    *,
    truncated_value: str,
    time_limit: str,
    ended: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Values and ends of episodes as targets are to see them.

    Args:
        values: [B, T+1] float32. lengths: [B] int64. terminated: [B] bool.
        truncated_value: "previous" puts the value before in the place of the last, "last" leaves it.
        time_limit: "termination" lets all episodes end as if they had terminated, "truncation" leaves them as they are.
        ended: [B] bool, False where the last of these steps is not the episode's last: nothing ends there. None: all end.

    Returns:
        Both in the same shapes.
    """
    ended = torch.ones_like(terminated) if ended is None else ended
    if truncated_value == "previous":
        values = torch.where(ended.unsqueeze(-1), with_previous_at_the_end(values, lengths), values)
    return values, ended if time_limit == "termination" else terminated
