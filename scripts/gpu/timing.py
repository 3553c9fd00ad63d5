"""Times of updates, and the memory that they take: by algorithm, batch and precision."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from benchmarks import episodes

from gpu.cases import RECENT_SHARE, Case, new_learner
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards

WARM_UP = 3  # updates that are not counted

# By name: the networks' dtype, and whether products and GRUs of float32 may round to TensorFloat-32.
PRECISIONS = {
    "float32": ("float32", False),
    "tf32": ("float32", True),
    "bfloat16": ("bfloat16", False),
    "bfloat16 and tf32": ("bfloat16", True),
}


class Times(NamedTuple):
    """Repeated measurements of one update.

    Attributes:
        algorithm, batch, precision: of the update.
        milliseconds: of every repetition, the copy of the batch to the device included.
        peak_gib: of the GPU's memory, the most that was in use; None on a CPU.
        failure: why there are no times, if there are none.
    """

    algorithm: str
    batch: int
    precision: str
    milliseconds: list[float]
    peak_gib: float | None = None
    failure: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds) if self.milliseconds else float("nan")


@contextlib.contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether products and cuDNN's GRU may round float32 to TensorFloat-32. PyTorch lets the GRU do so unless it is told."""
    products, gru = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, gru.allow_tf32
    products.allow_tf32 = gru.allow_tf32 = allowed
    try:
        yield
    finally:
        products.allow_tf32, gru.allow_tf32 = before


def drawn_batch(played: Sequence[TeamEpisode], size: int, *, on_gpu: bool) -> Any:
    """A batch of so many of the episodes as the loop draws it: for a GPU in page-locked memory. Some may come twice."""
    buffer = episodes.filled_buffer(played, times=-(-size // len(played)))
    sample = buffer.sample(size, pin_memory=on_gpu)
    return learner_batch(
        Rewards(normalize=True).prepare(sample), num_learners=1, num_recent=round(RECENT_SHARE * size)
    )


def time_update(
    case: Case, played: Sequence[TeamEpisode], size: int, precision: str, *, on_gpu: bool, repeats: int
) -> Times:
    """Updates on a batch, each from an idle device until it is idle again."""
    dtype, allowed = PRECISIONS[precision]
    wait: Callable[[], object] = torch.cuda.synchronize if on_gpu else lambda: None
    milliseconds, peak = [], None
    with tf32(allowed):
        try:
            learner = new_learner(case, played, dtype=dtype, on_gpu=on_gpu)
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            for repetition in range(WARM_UP + repeats):
                batch = drawn_batch(played, size, on_gpu=on_gpu)
                wait()
                start = time.perf_counter()
                learner.update(batch=batch)
                wait()
                if repetition >= WARM_UP:
                    milliseconds.append(1000 * (time.perf_counter() - start))
            if on_gpu:
                peak = torch.cuda.max_memory_allocated() / 2**30
        except torch.OutOfMemoryError as error:
            return Times(
                case.name, size, precision, [], failure=f"does not fit: {str(error).splitlines()[0]}"
            )
    return Times(case.name, size, precision, milliseconds, peak)
