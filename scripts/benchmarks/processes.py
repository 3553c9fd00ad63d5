"""The processes below one: their CPU time, their memory, and their end. Linux only; no package is needed."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process as it was when it was looked at.

    Attributes:
        parent: number of the process that it is below.
        started: ticks since the machine started; with the number it is one process for all time.
        ticks: of CPU time, user and system, its own and those of processes below it that ended and were waited for.
    """

    parent: int
    started: int
    ticks: int


def below(root: int) -> dict[int, Process]:
    """`root` and all that live below it, by number; empty if it has ended."""
    everyone = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # It ended meanwhile.
                everyone[int(folder.name)] = read_stat((folder / "stat").read_text())
    return {number: process for number, process in everyone.items() if _descends(number, root, everyone)}


def read_stat(line: str) -> Process:
    """A line of /proc/*/stat; the name in parentheses may itself contain spaces and parentheses."""
    fields = line.rpartition(")")[2].split()
    return Process(parent=int(fields[1]), started=int(fields[19]), ticks=sum(map(int, fields[11:15])))


def _descends(number: int, ancestor: int, everyone: dict[int, Process]) -> bool:
    while number in everyone:
        if number == ancestor:
            return True
        number = everyone[number].parent
    return False


def cpu_seconds(processes: dict[int, Process]) -> float:
    return sum(process.ticks for process in processes.values()) / os.sysconf("SC_CLK_TCK")


def memory_bytes(processes: dict[int, Process]) -> int:
    """Proportional set size: a page that several processes share counts once altogether."""
    kib = 0
    for number in processes:
        with contextlib.suppress(OSError):  # It ended meanwhile.
            lines = (PROC / str(number) / "smaps_rollup").read_text().splitlines()
            kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib * 1024


def kill(processes: dict[int, Process]) -> None:
    """Ends those that still live; a number that meanwhile is another process's is left alone."""
    for number, process in processes.items():
        with contextlib.suppress(OSError):
            if read_stat((PROC / str(number) / "stat").read_text()).started == process.started:
                os.kill(number, signal.SIGKILL)
