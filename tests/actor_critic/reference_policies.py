"""Policies, draws and returns one step at a time, in float64. Nothing of the package."""

from __future__ import annotations

import numpy as np


def policies(logits, avail_actions):
    """π [..., U] over the available actions; over all where none is (padding)."""
    allowed = avail_actions | ~avail_actions.any(-1, keepdims=True)
    odds = np.where(allowed, np.exp(logits), 0.0)
    return odds / odds.sum(-1, keepdims=True)


def entropy(pi):
    """H [...] of π [..., U]."""
    return (pi * -np.log(np.where(pi > 0, pi, 1.0))).sum(-1)


def pcg(counter):
    """The hash of Jarzynski and Olano 2020 of a number, as a number in [0, 1)."""
    return pcg_word(counter) / 2**32


def pcg_word(counter):
    """The hash as an integer below 2³²."""
    state = (counter * 747796405 + 2891336453) % 2**32
    word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737 % 2**32
    return (word >> 22) ^ word


def drawn(pi, uniform):
    """The action of π [U] at which the distribution function passes `uniform`."""
    total = 0.0
    for action, probability in enumerate(pi):
        total += probability
        if total > uniform:
            return action
    raise AssertionError("π does not add up to 1")


def backwards(rewards, following, keep, *, terminated, gamma):
    """λ-returns of one episode, from its last step.

    Args:
        rewards: [L]. following: [L], the value of what follows each step. keep: [L], λ of the step after each.
    """
    found = [rewards[-1] + (0.0 if terminated else gamma * following[-1])]
    for t in reversed(range(len(rewards) - 1)):
        mixed = (1 - keep[t]) * following[t] + keep[t] * found[0]
        found.insert(0, rewards[t] + gamma * mixed)
    return np.array(found)


def mean_of_steps(lengths, of_step):
    """Mean of `of_step(e, t)` over all real steps."""
    return np.mean([of_step(e, t) for e, length in enumerate(lengths) for t in range(length)])


def central_differences(parameters, loss, *, h=1e-5):
    """∂loss/∂θ of every parameter that is no target's: name → array."""
    gradient = {}
    for name, array in parameters.items():
        if name.startswith("target_"):
            continue
        slopes = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            up, down = array.copy(), array.copy()
            up[place] += h
            down[place] -= h
            losses = [loss({**parameters, name: moved}) for moved in (up, down)]
            slopes[place] = (losses[0] - losses[1]) / (2 * h)
        gradient[name] = slopes
    return gradient
