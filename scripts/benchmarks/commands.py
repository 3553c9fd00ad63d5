"""What it takes until the command answers: CPU- and wall seconds of a process that helps, refuses or looks around."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from benchmarks.figures import Figure

COMMANDS = {
    "--help": (0, ["--help"]),
    "train --help": (0, ["train", "--help"]),
    "a misspelt algorithm": (2, ["train", "--algo", "Remix", "--env", "matrix_game"]),
    "a misspelt key": (2, ["train", "--algo", "QMIX", "--env", "matrix_game", "--config", '{"lrr": 1}']),
    "a misspelt environment": (2, ["train", "--algo", "QMIX", "--env", "matrx_game"]),
    "algorithms": (0, ["algorithms"]),
    "envs": (0, ["envs"]),
    "envs predator_prey": (0, ["envs", "predator_prey"]),
    "doctor": (None, ["doctor"]),  # 1 where something is missing
}  # name → its exit code, words


def bench(repeats: int, report: Callable[[Figure], None]) -> None:
    """Every command in a fresh process in an empty folder, after one that is not counted.

    Raises:
        RuntimeError: a command ended with another exit code than it should.
    """
    for name, (code, words) in COMMANDS.items():
        cpu, wall = zip(*[_seconds(words, code) for _ in range(repeats + 1)][1:], strict=True)
        report(Figure(f"{name}, CPU", "CPU-s", cpu))
        report(Figure(f"{name}, wall", "s", wall))


def _seconds(words: Sequence[str], code: int | None) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rllib_remix.cli", *words]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in (None, ended.returncode):
        raise RuntimeError(f"{' '.join(words)} ended with {ended.returncode}, not {code}: {ended.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
