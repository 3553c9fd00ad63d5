"""CPU and wall seconds of every test file, all processes that its tests start included (Linux).

    scripts/test -p tests.support.cpu_times --cpu-times=times.json

The file holds {test file: {"tests": …, "cpu": …, "wall": …}}, seconds all; "collection" has what is imported before the
first test. A process counts for the test file that runs meanwhile, also if an earlier one has started it. Processes
are looked at five times a second, so that up to 0.2 s of each are left out. CPU time is nearly the same however busy the
machine is; wall time is not.
"""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PERIOD = 0.2  # seconds between two looks at the processes
TICK = os.sysconf("SC_CLK_TCK")
COLLECTION = "collection"
COUNTS = ("tests", "cpu", "wall")
MARK = "CPU_TIMES_OF"  # in the environment of what a test starts: the process that ran the test
Process = tuple[int, str]  # its number, and when it began


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu-times", metavar="FILE", help="write seconds of CPU and wall of every test file")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("cpu_times"):
        config.pluginmanager.register(TestFileTimes(config), "rllib_remix_cpu_times")


class TestFileTimes:
    """Counts for the file whose tests run in this process; where workers run them, adds up what they counted."""

    __test__ = False

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.files: dict[str, dict[str, float]] = {}
        self.file = COLLECTION
        self.last = time.time(), 0.0
        self.descendants = Descendants()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        file = item.nodeid.partition("::")[0]
        if file != self.file:
            self._count()
            self.file = file
        result = yield
        self._add(file, 1, 0.0, 0.0)
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """After the fixtures of the session are at their end."""
        if hasattr(self.config, "workerinput"):
            self._count()
            self.config.workeroutput["cpu_times"] = self.files  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for file, counts in getattr(node, "workeroutput", {}).get("cpu_times", {}).items():
            self._add(file, *(counts[name] for name in COUNTS))

    def pytest_unconfigure(self) -> None:
        if hasattr(self.config, "workerinput"):
            return
        if not self.config.getoption("numprocesses", None):
            self._count()
        rounded = {
            file: {name: round(count, 2) for name, count in counts.items()}
            for file, counts in sorted(self.files.items())
        }
        Path(self.config.getoption("cpu_times")).write_text(json.dumps(rounded, indent=1) + "\n")

    def _count(self) -> None:
        """Adds what has been used since the last call to the file that ran meanwhile."""
        now = time.time(), _own_seconds() + self.descendants.seconds()
        self._add(self.file, 0, now[1] - self.last[1], now[0] - self.last[0])
        self.last = now

    def _add(self, file: str, *counts: float) -> None:
        total = self.files.setdefault(file, dict.fromkeys(COUNTS, 0))
        for name, count in zip(COUNTS, counts, strict=True):
            total[name] += count


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Descendants:
    """CPU seconds of all processes that this one has started, and that those have started.

    Those whose parents have ended are children of others; their environment tells whose they are.
    """

    def __init__(self) -> None:
        self.used: dict[Process, float] = {}  # seconds
        self.strangers: set[Process] = set()
        self.looks = threading.Lock()
        os.environ[MARK] = str(os.getpid())
        threading.Thread(target=self._watch, name="cpu times", daemon=True).start()

    def seconds(self) -> float:
        """Of those that have ended too."""
        self._look()
        return sum(self.used.values())

    def _watch(self) -> None:
        while True:
            time.sleep(PERIOD)
            self._look()

    def _look(self) -> None:
        with self.looks:
            ours = {os.getpid(), *(number for number, _ in self.used)}
            for process, parent, seconds in sorted(_processes()):  # children have mostly larger numbers
                if process[0] == os.getpid() or process in self.strangers:
                    continue
                if process in self.used or parent in ours or _is_marked(process[0]):
                    self.used[process] = seconds
                    ours.add(process[0])
                else:
                    self.strangers.add(process)


def _is_marked(number: int) -> bool:
    try:
        words = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
    except OSError:  # another user's, or ended
        return False
    return f"{MARK}={os.getpid()}".encode() in words


def _processes() -> Iterator[tuple[Process, int, float]]:
    """Every process that runs, its parent's number and its CPU seconds."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            yield (int(entry), fields[19]), int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK
