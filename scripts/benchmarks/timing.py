"""CPU time: of this process, and of this process with all that it started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from benchmarks import processes


def cpu_seconds(work: Callable[[], object], repeats: int) -> list[float]:
    """CPU-seconds of each repetition, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return times


def family_cpu_seconds() -> float:
    """CPU-seconds so far of this process and all below it, Ray's own among them. Linux only.

    Of processes that have ended, those that their parents waited for count.
    """
    return processes.cpu_seconds(processes.below(os.getpid()))
