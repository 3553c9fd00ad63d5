"""Which entries of a batch of episodes are computed: neither padding nor agents that have left the game."""

from __future__ import annotations

import torch
from torch import Tensor


class Packing:
    """Chosen entries of arrays with the given leading dimensions, as rows one after the other.

    Args:
        index: [R] int64, positions in the flattened leading dimensions, each at most once.
        leading: those dimensions, such as (B, T+1).
    """

    def __init__(self, index: Tensor, leading: tuple[int, ...]):
        self.index, self.leading = index, leading

    def pack(self, dense: Tensor) -> Tensor:
        """[*leading, …] → [R, …], same dtype."""
        return dense.flatten(0, len(self.leading) - 1).index_select(0, self.index)

    def unpack(self, packed: Tensor) -> Tensor:
        """[R, …] → [*leading, …]; 0 where nothing was chosen."""
        dense = packed.new_zeros(torch.Size(self.leading).numel(), *packed.shape[1:])
        return dense.index_copy(0, self.index, packed).unflatten(0, self.leading)


class AgentPacking(Packing):
    """Steps of all agents of all episodes, in the order that recurrent networks take.

    First step 0 of every row, then step 1 of the rows that have one, …; rows (an agent of an episode) are in
    descending order of their lives.

    Args:
        lives: [B, n] int64, how many steps of each agent are computed, 1 … steps.
        steps: T+1, the longest that a life can be.
    """

    def __init__(self, lives: Tensor, steps: int):
        episodes, agents = lives.shape
        descending, rows = lives.flatten().sort(descending=True, stable=True)
        step, rank = (torch.arange(steps, device=lives.device).unsqueeze(-1) < descending).nonzero(
            as_tuple=True
        )
        row = rows[rank]
        self.step, self.agent = step, row % agents  # [R] int64 each
        self.episode = row // agents
        super().__init__((self.episode * steps + step) * agents + self.agent, (episodes, steps, agents))
        self.batch_sizes = [size for size in step.bincount().tolist() if size]
        self._lives = lives

    def unpack(self, packed: Tensor) -> Tensor:
        """[R, …] → [B, T+1, n, …]; after an agent's life what it had last."""
        return packed.index_select(0, self._rows().flatten()).unflatten(0, self.leading)

    def of_first_step(self) -> tuple[Tensor, Tensor]:
        """Episode and agent, int64 each, of the rows of step 0, which come first."""
        first = slice(0, self.batch_sizes[0])
        return self.episode[first], self.agent[first]

    def last(self, packed: Tensor) -> Tensor:
        """[R, …] → [B, n, …]: what each agent has at the end of its life."""
        return packed.index_select(0, self._rows()[:, -1].flatten()).unflatten(0, self._lives.shape)

    def unpack_at(self, packed: Tensor, steps: Packing) -> Tensor:
        """[R, …] → [N, n, …]: what `steps.pack(self.unpack(packed))` is, in one go."""
        rows = steps.pack(self._rows())
        return packed.index_select(0, rows.flatten()).unflatten(0, rows.shape)

    def _rows(self) -> Tensor:
        """[B, T+1, n] int64, the row of each entry; after an agent's life that of its last step."""
        row = self.index.new_zeros(self.leading).flatten()
        row[self.index] = torch.arange(len(self.index), device=row.device)
        step = torch.arange(self.leading[1], device=row.device).unsqueeze(-1)
        return row.view(self.leading).gather(1, torch.minimum(step, self._lives.unsqueeze(1) - 1))


def step_packing(lengths: Tensor, steps: int) -> Packing:
    """Steps 0 … L of every episode, out of [B, steps]: the one after the last action is needed for its value."""
    position = torch.arange(steps, device=lengths.device)
    needed = position <= lengths.unsqueeze(-1)
    return Packing(needed.flatten().nonzero().squeeze(-1), tuple(needed.shape))
