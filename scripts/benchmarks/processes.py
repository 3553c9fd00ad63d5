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
    return 1024 * sum(rollup(number).get("Pss", 0) for number in processes)


def rollup(number: int) -> dict[str, int]:
    """KiB that a process holds, by the names of `/proc/PID/smaps_rollup`; empty if it has ended."""
    try:
        lines = (PROC / str(number) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}


def command_line(number: int) -> str:
    """How a process was started, or what it calls itself; empty if it has ended."""
    try:
        return (PROC / str(number) / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def kill(processes: dict[int, Process]) -> None:
    """Ends those that still live; a number that meanwhile is another process's is left alone."""
    for number, process in processes.items():
        with contextlib.suppress(OSError):
            if read_stat((PROC / str(number) / "stat").read_text()).started == process.started:
                os.kill(number, signal.SIGKILL)
