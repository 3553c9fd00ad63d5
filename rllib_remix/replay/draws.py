"""Draws by priority from a sum tree, for the buffers that hold the episodes and for the index of those that do not."""

from __future__ import annotations

import numpy as np

from rllib_remix.replay.sum_tree import SumTree


def draw_by_priority(
    tree: SumTree, count: int, stored: int, beta: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Stratified draws, with repetition.

    Args:
        tree: the mass of every slot.
        count: how many slots.
        stored: how many slots hold an episode.
        beta: of the importance correction, in [0, 1].
        rng: where the random numbers come from.

    Returns:
        The slots, [count] int64, and their importance (1 / (N·P))^β, divided by the greatest, [count] float64.
    """
    slots = tree.find(_strata(count, tree.total, rng))
    if not len(slots):
        return slots, np.ones(0)
    correction = (tree.total / (stored * tree[slots])) ** beta
    return slots, correction / correction.max()


def draw_recent_by_priority(
    tree: SumTree, recent: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """[count] int64, stratified draws from the slots `recent` alone, with repetition."""
    sums = np.cumsum(tree[recent])
    found = np.searchsorted(sums, _strata(count, sums[-1], rng), side="right")
    return recent[np.minimum(found, len(recent) - 1)]  # rounding may carry a position to the very end


def checked_priorities(
    numbers: np.ndarray, priorities: np.ndarray, added: int
) -> tuple[np.ndarray, np.ndarray]:
    """New priorities of episodes as [K] int64 and [K] float64.

    Raises:
        ValueError: for a priority that is NaN, negative or infinite, or the number of an episode that never was.
    """
    numbers = np.atleast_1d(np.asarray(numbers, np.int64))
    priorities = np.atleast_1d(np.asarray(priorities, np.float64))
    if numbers.shape != priorities.shape:
        raise ValueError(f"replay buffer: {len(priorities)} priorities for {len(numbers)} episodes.")
    unknown = (numbers < 0) | (numbers >= added)
    if unknown.any():
        raise ValueError(
            f"replay buffer: there is no episode {numbers[unknown][0]}; allowed: 0 … {added - 1}. No "
            "priority was changed."
        )
    wrong = ~(np.isfinite(priorities) & (priorities >= 0))
    if wrong.any():
        raise ValueError(
            f"replay buffer: priority {priorities[wrong][0]} of episode {numbers[wrong][0]} is not allowed; it "
            "must be a finite number of 0 or more. No priority was changed."
        )
    return numbers, priorities


def _strata(count: int, total: float, rng: np.random.Generator) -> np.ndarray:
    """[count] random positions in [0, total), one in each of as many equal parts."""
    return (np.arange(count) + rng.random(count)) * (total / max(count, 1))
