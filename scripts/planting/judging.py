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
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout, suppress
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
        self._running: set[BaseProcess] = set()
        self._closed = False

    def check_clean(self, tests: Sequence[str]) -> tuple[str | None, float]:
        """The test that fails without any fault, or None, and the seconds of the run, which also compiles."""
        started = time.monotonic()
        code, output = self._pytest(self._trees.clean, tests)
        failed = None if code == NOT_FOUND else _first_failed(output) or output[-2000:]
        return failed, time.monotonic() - started

    def judge_all(self, faults: Sequence[Fault], jobs: int) -> Iterator[Judged]:
        """Every fault as it is judged."""
        with ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(self.judge, fault) for fault in faults]
            try:
                for done in as_completed(waiting):
                    yield done.result()
            finally:
                for future in waiting:
                    future.cancel()
                self.close()

    def judge(self, fault: Fault) -> Judged:
        """Plants one fault and looks whether a test finds it."""
        started = time.monotonic()
        tree = self._trees.with_fault(fault)
        try:
            asked = [fault.tests, ()] if self._all_tests else [fault.tests]
            for tests in asked:
                code, output = self._pytest(tree, tests)
                seconds = time.monotonic() - started
                if code == FOUND:
                    found_by = _first_failed(output) or "the run, which ended or hung"
                    return Judged(fault, found_by, tests == fault.tests, seconds)
                if code != NOT_FOUND:
                    return Judged(fault, None, False, seconds, f"pytest ended with {code}: {output[-600:]}")
            return Judged(fault, None, False, seconds)
        finally:
            shutil.rmtree(tree, ignore_errors=True)

    def close(self) -> None:
        """Ends what runs, with all that it started."""
        self._closed = True
        for process in list(self._running):
            _end(process)

    def _pytest(self, tree: Path, tests: Sequence[str]) -> tuple[int | None, str]:
        """Exit code and output of the fast tests below `tests`; of all of them if there are none."""
        if self._closed:
            raise RuntimeError("The run was stopped.")
        output = tree.parent / f"{tree.name}.txt"
        process = self._context.Process(target=run_pytest, args=(str(tree), [*FAST, *tests], str(output)))
        process.start()
        self._running.add(process)
        try:
            process.join()
        finally:
            self._running.discard(process)
            _end(process)
        text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        return process.exitcode, text


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
