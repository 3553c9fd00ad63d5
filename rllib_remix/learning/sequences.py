"""Pieces of episodes instead of whole ones: how they are cut out of a batch, and what is before them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rllib_remix.learning.targets import step_mask

_APART = 0x9E3779B97F4A7C15  # between the seeds of two batches: 2^64 / golden ratio


class Sequences:
    """Cuts one piece out of every episode of a batch; the same seed and number of batches give the same pieces.

    Args:
        max_seq_len: steps after each of which an episode is cut; None leaves episodes whole.
        burn_in: steps before a piece that are handed over too; None is all.
        skip_removed: whether agents that have left keep what their networks said last.
        seed: of the choice; None takes it from the system.
    """

    def __init__(
        self, max_seq_len: int | None, burn_in: int | None, seed: int | None, *, skip_removed: bool = True
    ):
        self._max_seq_len, self._burn_in, self._skip_removed = max_seq_len, burn_in, skip_removed
        self._seed = torch.Generator().seed() if seed is None else seed
        self._batches = 0  # so far

    def cut(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch as the replay buffer gives it, with a piece of every episode in its place, each as likely."""
        if self._max_seq_len is None:
            return batch
        generator = torch.Generator().manual_seed((self._seed + self._batches * _APART) % 2**63)
        self._batches += 1
        pieces = -(-batch["lengths"] // self._max_seq_len)
        chance = torch.rand(len(pieces), dtype=torch.float64, generator=generator)
        first = (chance * pieces).long() * self._max_seq_len
        return cut_out(batch, first, self._max_seq_len, self._burn_in, skip_removed=self._skip_removed)

    def get_state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"seed": self._seed, "batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes back what `get_state` gave."""
        self._seed, self._batches = state.get("seed", self._seed), state.get("batches", 0)


def cut_out(
    batch: dict[str, Tensor],
    first: Tensor,
    steps: int,
    burn_in: int | None,
    *,
    skip_removed: bool = True,
) -> dict[str, Tensor]:
    """The steps first … first + steps - 1 of every episode, or up to its end, and what is before them.

    Args:
        batch: as the replay buffer gives it.
        first: [B] int64, within the episodes.
        steps: 1 or more.
        burn_in: the most steps before `first` that are handed over; None is all.
        skip_removed: whether agents are computed to the ends of their lives only. Then the first step of one that left
            before the piece is its last one: it sees the same from there on.

    Returns:
        The batch with `obs`, `state`, `avail_actions`, `actions`, `rewards`, `lengths`, `lives` and `terminated` of the pieces: the
        observation after a piece's last step is there, and only a piece with its episode's last step can have
        terminated. Besides: `ended` [B] bool, whether it has that step; `begun_steps` [B] int64, `first`; `begun_agents`
        [B, n] int64, the first step of every agent; `begun_actions` [B, n] int64, its action before that, -1 if there is none.
        If some episode has steps to be handed over, P at the most, also `before_obs` [B, P, n, O], `before_actions`
        [B, P - 1, n], `before_begun_actions` [B, n], and int64 `before_lengths` [B] and, of every agent, `before_lives` [B, n].
    """
    whole = batch["lengths"]
    lengths = (whole - first).clamp(max=steps)
    longest = int(lengths.max())
    end = first + lengths
    cut = {name: _rows(batch[name], first, lengths, longest) for name in ("actions", "rewards")}
    with_last = ("obs", "state", "avail_actions")
    cut |= {name: _rows(batch[name], first, lengths + 1, longest + 1) for name in with_last}
    lives = batch["lives"] if skip_removed else (whole + 1).unsqueeze(-1).expand_as(batch["lives"])
    of_agents = torch.minimum(first.unsqueeze(-1), lives - 1)
    cut |= {
        "lengths": lengths,
        "lives": (batch["lives"] - first.unsqueeze(-1)).clamp(min=1).minimum((lengths + 1).unsqueeze(-1)),
        "terminated": batch["terminated"] & (end == whole),
        "ended": end == whole,
        "begun_steps": first,
        "begun_agents": of_agents,
        "begun_actions": _action_before(batch["actions"], of_agents),
    }
    before = first if burn_in is None else first.clamp(max=burn_in)
    if most := int(before.max()):
        start = first - before
        cut |= {
            "before_obs": _rows(batch["obs"], start, before, most),
            "before_actions": _rows(batch["actions"], start, before - 1, most - 1),
            "before_begun_actions": _action_before(
                batch["actions"], start.unsqueeze(-1).expand_as(of_agents)
            ),
            "before_lengths": before,
            "before_lives": (of_agents - start.unsqueeze(-1)).clamp(min=0),
        }
    return batch | cut


def _rows(values: Tensor, first: Tensor, lengths: Tensor, most: int) -> Tensor:
    """[B, T, …] → [B, most, …]: what is at first … first + lengths - 1; 0 behind."""
    episodes, steps = values.shape[:2]
    at = (first.unsqueeze(-1) + torch.arange(most)).clamp(max=steps - 1)
    rows = (at + torch.arange(episodes).unsqueeze(-1) * steps).flatten()
    found = values.flatten(0, 1).index_select(0, rows).unflatten(0, (episodes, most))
    found[~step_mask(lengths, most)] = 0
    return found


def _action_before(actions: Tensor, step: Tensor) -> Tensor:
    """What every agent did before its step [B, n] int64; -1 at step 0."""
    taken = actions.long().gather(1, (step - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
    return torch.where(step > 0, taken, -1)
