"""Whether an update is the same on the device as on the CPU: values, loss, gradients and weights, algorithm by algorithm."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor

from gpu.cases import Case, batch_of, new_learner
from rllib_remix.models import agent
from rllib_remix.models.groups import agent as groups
from rllib_remix.models.groups.gru import stepped_gru_outputs
from rllib_remix.models.packed_gru import library_gru_outputs
from rllib_remix.rollout.episode import TeamEpisode

TOLERANCE = 1e-4  # of the greatest number of a tensor; of weights: of their root mean square
MODULE = "default_policy"


class Difference(NamedTuple):
    """How far the updates of a case on the device are from those on the CPU.

    Attributes:
        case: its name. updates: after how many.
        kind: `values`, `loss`, `gradients` or `weights`. tensor: the one that differs most.
        size: relative to its scale; infinite where only one of the two is finite, or something is missing.
        of_batches: the sizes on several batches, of which `size` is the median.
    """

    case: str
    updates: int
    kind: str
    tensor: str
    size: float
    of_batches: tuple[float, ...] = ()

    @property
    def is_too_large(self) -> bool:
        return not self.size <= TOLERANCE


class Observed:
    """What the latest update of a learner computed, by kind and name, in CPU tensors."""

    def __init__(self, learner: Any):
        self._learner = learner
        self.tensors: dict[str, dict[str, Tensor]] = {}
        loss_of, postprocess = learner.compute_loss_for_module, learner.postprocess_gradients

        def loss(**given: Any) -> Tensor:
            result = loss_of(**given)
            self.tensors["values"] = _on_cpu(given["fwd_out"])
            self.tensors["loss"] = _on_cpu({"loss": result})
            return result

        def gradients(of_weights: dict[Any, Any]) -> Any:
            named = self._module().named_parameters()
            own = {name: of_weights[weight] for name, weight in named if of_weights.get(weight) is not None}
            self.tensors["gradients"] = _on_cpu(own)
            return postprocess(of_weights)

        learner.compute_loss_for_module, learner.postprocess_gradients = loss, gradients

    def update(self, batch: Any) -> dict[str, dict[str, Tensor]]:
        """Learns the batch; returns what was computed, and the weights and buffers after it."""
        self._learner.update(batch=batch)
        return {**self.tensors, "weights": _on_cpu(self._module().state_dict())}

    def _module(self) -> Any:
        return self._learner.module[MODULE].unwrapped()


def _on_cpu(tensors: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}


def compare(case: Case, batches: Sequence[Sequence[TeamEpisode]], *, on_gpu: bool) -> list[Difference]:
    """The differences of a case, of each kind and number of updates the median over batches.

    Rounding may turn a ReLU off that was hardly on, or make another action the greedy one; then numbers differ, but hardly on
    two batches of three. What computes something else differs on all.
    """
    found = [compare_on(case, played, on_gpu=on_gpu) for played in batches]
    medians = []
    for same in zip(*found, strict=True):
        middle = sorted(same, key=lambda each: _nan_last(each.size))[len(same) // 2]
        medians.append(middle._replace(of_batches=tuple(each.size for each in same)))
    return medians


def compare_on(
    case: Case, played: Sequence[TeamEpisode], *, on_gpu: bool, num_updates: int = 3
) -> list[Difference]:
    """The greatest difference of every kind, after one update and after several, from the same weights on the same batch.

    Args:
        case: what is updated.
        played: the batch.
        on_gpu: compares a GPU with the CPU; otherwise PyTorch's GRU, which GPUs run, with the compiled one, both on the CPU.
        num_updates: how many are the several.
    """
    here, there = new_learner(case, played, on_gpu=False), new_learner(case, played, on_gpu=on_gpu)
    there.module[MODULE].unwrapped().load_state_dict(here.module[MODULE].unwrapped().state_dict())
    of_cpu, of_device = Observed(here), Observed(there)
    found = []
    for done in range(1, num_updates + 1):
        expected = of_cpu.update(batch_of(played, case))
        with contextlib.nullcontext() if on_gpu else library_gru():
            seen = of_device.update(batch_of(played, case))
        if done in (1, num_updates):
            found += [_greatest(case, done, kind, seen[kind], expected[kind]) for kind in expected]
    return found


@contextlib.contextmanager
def library_gru() -> Iterator[None]:
    """Lets networks on the CPU take the way that they take on a GPU."""
    with (
        mock.patch.object(agent, "gru_outputs", library_gru_outputs),
        mock.patch.object(groups, "grouped_gru_outputs", stepped_gru_outputs),
    ):
        yield


def _greatest(
    case: Case, done: int, kind: str, seen: dict[str, Tensor], expected: dict[str, Tensor]
) -> Difference:
    size_of = _by_mean_square if kind == "weights" else _by_greatest
    sizes = {name: _difference(seen.get(name), expected[name], size_of) for name in expected}
    if set(seen) - set(expected):
        sizes |= dict.fromkeys(set(seen) - set(expected), float("inf"))
    tensor = max(sizes, key=lambda name: _nan_last(sizes[name]))
    return Difference(case.name, done, kind, tensor, sizes[tensor])


def _nan_last(size: float) -> tuple[bool, float]:
    return math.isnan(size), size


def _difference(seen: Tensor | None, expected: Tensor, size_of: Callable[[Tensor], Tensor]) -> float:
    """Relative to the scale of what is expected; of integers and flags the share that differs."""
    if seen is None or seen.shape != expected.shape or seen.dtype != expected.dtype:
        return float("inf")
    if not expected.dtype.is_floating_point:
        return (seen != expected).double().mean().item() if expected.numel() else 0.0
    finite = expected.isfinite()
    if not torch.equal(finite, seen.isfinite()) or not torch.equal(seen[~finite], expected[~finite]):
        return float("inf")
    seen, expected = seen[finite].double(), expected[finite].double()
    if not expected.numel() or torch.equal(seen, expected):
        return 0.0
    return (size_of(seen - expected) / size_of(expected)).item()


def _by_greatest(values: Tensor) -> Tensor:
    return values.abs().amax()


def _by_mean_square(values: Tensor) -> Tensor:
    """Adam makes a whole step of a gradient that is nothing but rounding: single weights may differ by one."""
    return values.square().mean().sqrt()
