"""Runs the fast tests on copies of the tree, one fault in each."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from planting.fault import ROOT, Fault, planted

# What every test process loads anyway; it is loaded once, and the processes are forks.
PRELOADED = ["torch", "numba", "scipy.stats", "pettingzoo", "ray.rllib.algorithms.algorithm"]
# The table of faults does not fit a tree with a fault, whatever the fault is; that must find none.
NOT_ASKED = "tests/test_planted_faults.py"
FAST = [
    f"--ignore={NOT_ASKED}",
    "-q",
    "-x",
    "-m",
    "not slow",
    "-p",
    "no:cacheprovider",
    "--tb=no",
    "-rfE",
    "--timeout=300",
]
FOUND, NOT_FOUND = 1, 0  # pytest's exit codes: a test failed; all passed
LONGEST = 3600.0  # seconds of one run of pytest, after which it is ended
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


class Judged(NamedTuple):
    """What became of a fault."""

    fault: Fault
    found_by: str | None  # the test that failed first; None if none did
    in_matching: bool  # whether the fault's own tests sufficed
    seconds: float
    problem: str = ""  # why it could not be judged


class Trees:
    """Copies of the working tree below a folder: one as it is, and for every fault one with it.

    Args:
        folder: where to, for the time of the run; removed by the caller.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.clean = folder / "clean"
        names = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(names, capture_output=True, check=True).stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (self.clean / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.clean / name)

    def with_fault(self, fault: Fault) -> Path:
        """A copy of the clean tree, with all that was compiled there, and with the fault."""
        tree = self._folder / fault.name
        shutil.copytree(self.clean, tree)
        file = tree / "rllib_remix" / fault.file
        file.write_text(planted(fault, file.read_text(encoding="utf-8")), encoding="utf-8")
        return tree


class Judge:
    """Runs pytest in processes of its own, and ends all of them when it is closed.

    Args:
        trees: copies of the tree.
        all_tests: whether all fast tests are asked if a fault's own find nothing.
    """

    def __init__(self, trees: Trees, *, all_tests: bool):
        self._trees, self._all_tests = trees, all_tests
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._running: list[_Run] = []

    def check_clean(self, tests: Sequence[str]) -> tuple[str | None, float]:
        """The test that fails without any fault, or None, and the seconds of the run, which also compiles."""
        run = self._start(None, self._trees.clean, tests)
        while run not in self._ended():
            pass
        code, output = run.result()
        failed = None if code == NOT_FOUND else _first_failed(output) or output[-2000:]
        return failed, time.monotonic() - run.began

    def judge_all(self, faults: Sequence[Fault], jobs: int) -> Iterator[Judged]:
        """Every fault as it is judged, so many at the same time."""
        waiting = list(faults)
        while waiting or self._running:
            while waiting and len(self._running) < jobs:
                fault = waiting.pop(0)
                self._start(fault, self._trees.with_fault(fault), fault.tests)
            for run in self._ended():
                judged = self._judge(run)
                if judged is None:
                    self._start(run.fault, run.tree, (), run.began)
                else:
                    shutil.rmtree(run.tree, ignore_errors=True)
                    yield judged

    def close(self) -> None:
        """Ends what runs, with all that it started."""
        for run in self._running:
            _end(run.process)
        self._running = []

    def _start(
        self, fault: Fault | None, tree: Path, tests: Sequence[str], began: float | None = None
    ) -> _Run:
        """Asks the fast tests below `tests`, all of them if there are none."""
        output = tree.parent / f"{tree.name}.txt"
        process = self._context.Process(target=run_pytest, args=(str(tree), [*FAST, *tests], str(output)))
        process.start()
        now = time.monotonic()
        run = _Run(fault, tree, tuple(tests), process, output, began or now, now)
        self._running.append(run)
        return run

    def _ended(self) -> list[_Run]:
        """Waits for a while, and takes those that have ended; one that takes too long is ended."""
        wait([run.process.sentinel for run in self._running], timeout=1.0)
        for run in self._running:
            if time.monotonic() - run.asked > LONGEST:
                _end(run.process)
        ended = [run for run in self._running if not run.process.is_alive()]
        for run in ended:
            self._running.remove(run)
            _end(run.process)  # what the tests left behind
        return ended

    def _judge(self, run: _Run) -> Judged | None:
        """What became of a fault; None if there are more tests to ask."""
        assert run.fault is not None
        code, output = run.result()
        seconds = time.monotonic() - run.began
        if code == FOUND:
            found_by = _first_failed(output) or "the run, which ended or hung"
            return Judged(run.fault, found_by, bool(run.tests), seconds)
        if code != NOT_FOUND:
            return Judged(run.fault, None, False, seconds, f"pytest ended with {code}: {output[-600:]}")
        if run.tests and self._all_tests:
            return None
        return Judged(run.fault, None, False, seconds)


class _Run(NamedTuple):
    """One run of pytest.

    Attributes:
        fault: what is planted; None in the clean tree.
        tree: where it runs. tests: what it runs; empty is all.
        process: that runs it. output: the file of what it prints.
        began: when the first run with this fault began, and asked: when this one did.
    """

    fault: Fault | None
    tree: Path
    tests: tuple[str, ...]
    process: BaseProcess
    output: Path
    began: float
    asked: float

    def result(self) -> tuple[int | None, str]:
        """Exit code and output, after the end."""
        text = self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""
        return self.process.exitcode, text


def run_pytest(tree: str, arguments: list[str], output: str) -> None:
    """In a fork: as `python -m pytest` in the tree, with all output into a file."""
    os.setsid()  # So that what the tests start ends with it.
    os.chdir(tree)
    os.environ["PYTHONPATH"] = tree
    sys.dont_write_bytecode = False  # What is compiled in the clean tree is copied with it.
    for name in [name for name in sys.modules if name.split(".")[0] in ("planting", "benchmarks")]:
        del sys.modules[name]  # of the tree as it is
    sys.path[:] = [
        tree,
        *(path for path in sys.path if Path(path or ".").resolve() not in (ROOT, ROOT / "scripts")),
    ]
    with open(output, "w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        with redirect_stdout(file), redirect_stderr(file):
            import pytest

            code = pytest.main(arguments)
            file.flush()
    os._exit(int(code))


def _first_failed(output: str) -> str | None:
    found = _FAILED.search(output)
    return found.group(1) if found else None


def _end(process: BaseProcess) -> None:
    if process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()  # if it has no group of its own yet
