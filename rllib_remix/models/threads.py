"""A module's training pass in several threads: each takes some episodes of a batch, forward and backward."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Forward = Callable[[dict[str, Any]], Mapping[str, Tensor]]
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class _Part(NamedTuple):
    """Some episodes of a batch, and what the networks say of them."""

    rows: slice  # which of the batch's episodes
    outputs: Mapping[str, Tensor]  # [b, …] each


def forward_in_threads(
    forward: Forward,
    batch: Mapping[str, Tensor],
    weights: Sequence[nn.Parameter],
    *,
    work: Tensor,
    threads: int,
) -> dict[str, Tensor]:
    """What `forward` says of a batch, computed in parts, one per thread, forward and, when it comes to it, backward.

    What is made of the outputs, such as a loss, sees the whole batch. Which episodes are a part, and in which order the
    parts' gradients are added, depends on the batch alone: so does the result, to the bit. It differs by rounding from
    that of another number of threads.

    Args:
        forward: of a batch, or some of its episodes. It looks at each episode by itself, and every output has the
            episodes first. On CPUs only.
        batch: tensors of B episodes [B, …] by name.
        weights: all that `forward` may have gradients of.
        work: [B], what each episode costs, in any unit.
        threads: 1 or more, the calling one included. With fewer episodes than threads some stay idle.

    Raises:
        ValueError: an output has not as many entries as there are episodes in the part.
    """
    learns = torch.is_grad_enabled()

    def run(rows: slice) -> _Part:
        with torch.set_grad_enabled(learns):  # Each thread has a switch of its own.
            outputs = forward({name: values[rows] for name, values in batch.items()})
        _check(outputs, rows.stop - rows.start)
        return _Part(rows, outputs)

    parts = _in_threads(run, _shares(work.tolist(), min(threads, len(work))))
    names = list(parts[0].outputs)
    learnt = [name for name in names if parts[0].outputs[name].requires_grad]
    joined = {name: _joined(parts, name) for name in names if name not in learnt}
    if learnt:
        with_gradients: Any = _Joined.apply(parts, learnt, weights, *weights)
        joined |= zip(learnt, with_gradients, strict=True)
    return {name: joined[name] for name in names}


class _Joined(torch.autograd.Function):
    """Outputs of all parts as one; the backward pass goes through each part in a thread, up to the weights."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, parts: list[_Part], names: list[str], weights: Sequence[nn.Parameter], *_: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.parts, ctx.names, ctx.weights = parts, names, weights
        ctx.set_materialize_grads(False)
        return tuple(_joined(parts, name) for name in names)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        parts, ctx.parts = ctx.parts, None
        if parts is None:
            raise RuntimeError("Only one backward pass through a batch in threads is possible.")
        named = zip(ctx.names, gradients, strict=True)
        given = {name: gradient for name, gradient in named if gradient is not None}

        def run(part: _Part) -> tuple[Tensor | None, ...]:
            outputs = [part.outputs[name] for name in given]
            own = [gradient[part.rows] for gradient in given.values()]
            return torch.autograd.grad(outputs, ctx.weights, own, allow_unused=True)

        of_parts = _in_threads(run, parts)
        return (None, None, None, *map(_summed, zip(*of_parts, strict=True)))


def _shares(work: Sequence[float], parts: int) -> list[slice]:
    """Cuts episodes into parts, one after the other, of at least one each, that cost as much as each other, or nearly so."""
    until = [0, *itertools.accumulate(work)]
    ends = [0]
    for part in range(1, parts):
        wanted = until[-1] * part / parts
        possible = range(ends[-1] + 1, len(work) - (parts - part) + 1)
        ends.append(min(possible, key=lambda end: abs(until[end] - wanted)))
    return [slice(*ends) for ends in itertools.pairwise([*ends, len(work)])]


def _check(outputs: Mapping[str, Tensor], episodes: int) -> None:
    for name, output in outputs.items():
        if output.shape[:1] != (episodes,):
            raise ValueError(
                f"num_threads_per_learner: what `_forward_train` returns as {name!r} has the shape {tuple(output.shape)} for "
                f"{episodes} episodes. For more than one thread it must have the episodes first, [B, …]."
            )


def _joined(parts: Sequence[_Part], name: str) -> Tensor:
    """An output of all parts as the whole batch has it, [B, …]."""
    return torch.cat([part.outputs[name].detach() for part in parts])


def _summed(gradients: Sequence[Tensor | None]) -> Tensor | None:
    """The sum in the order of the parts; None if no part has one."""
    there = [gradient for gradient in gradients if gradient is not None]
    return functools.reduce(torch.add, there) if there else None


def _in_threads(work: Callable[[_Given], _Made], things: Sequence[_Given]) -> list[_Made]:
    """`work` of each, the first in the calling thread. When an error is raised, all threads are done."""
    others = [_pool(len(things) - 1).submit(work, thing) for thing in things[1:]]
    try:
        first = work(things[0])
    finally:
        wait(others)
    return [first, *(other.result() for other in others)]


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work until the process ends, each of which computes its products by itself."""
    return ThreadPoolExecutor(
        threads, thread_name_prefix="learner", initializer=torch.set_num_threads, initargs=(1,)
    )
