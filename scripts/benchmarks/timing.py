"""CPU time: of this process, and of this process with all that it started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


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
    """CPU-seconds so far of this process and all living ones below it, Ray's own among them. Linux only."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name in parentheses may itself contain spaces.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # It ended meanwhile.
            continue
        process = int(folder.name)
        parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
    me = os.getpid()
    return sum(ticks[process] for process in ticks if _descends(process, me, parents)) / os.sysconf(
        "SC_CLK_TCK"
    )


def _descends(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process in parents:
        if process == ancestor:
            return True
        process = parents[process]
    return False
