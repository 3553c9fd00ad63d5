"""Greedy joint actions and λ-returns, one episode and one step at a time. Nothing of the package."""

from __future__ import annotations

import numpy as np


def greedy_actions(utilities, avail_actions):
    """Each agent's best available action: [B, T+1, n, U] twice → [B, T+1, n]; 0 if none is available (padding)."""
    greedy = np.zeros(utilities.shape[:-1], int)
    for place in np.ndindex(greedy.shape):
        available = np.flatnonzero(avail_actions[place])
        if len(available):
            greedy[place] = max(available, key=lambda action: utilities[place][action])
    return greedy


def lambda_returns(rewards, values, lengths, terminated, follows, *, gamma, td_lambda):
    """y, a list of lists: backwards from the last step of every episode.

    Args:
        rewards: [B, T]. values: [B, T+1], the target networks' value of the greedy joint action.
        lengths, terminated: [B]. An episode that is over without having terminated was cut off: it bootstraps.
        follows: [B, T] bool, whether the return goes on through the action of a step.
    """
    returns = []
    for r, v, length, is_terminal, goes_on in zip(rewards, values, lengths, terminated, follows, strict=True):
        last = length - 1
        G = {last: r[last] if is_terminal else r[last] + gamma * v[length]}
        for t in reversed(range(last)):
            kept = td_lambda if goes_on[t + 1] else 0.0
            G[t] = r[t] + gamma * ((1 - kept) * v[t + 1] + kept * G[t + 1])
        returns.append([G[t] for t in range(length)])
    return returns
