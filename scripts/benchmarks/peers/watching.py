"""A driver in a process of its own: its memory with all below it is watched, and nothing of it is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import processes

EVERY_S = 0.5  # between two looks at the memory
LIMIT_S = 3600.0


class Failed(Exception):
    """A driver ended with an error; the message is what it said last."""


def run(command: Sequence[str], environment: dict[str, str], limit_s: float = LIMIT_S) -> dict[str, Any]:
    """What a driver measured (it writes JSON to the file after `--out`), with the peak memory of all its processes.

    Args:
        command: the driver's, but for `--out`.
        environment: variables to set beside this process's own.
        limit_s: after which it is ended.

    Raises:
        Failed: it ended with an error, wrote nothing, or took too long.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        out, log = folder / "figures.json", folder / "log.txt"
        variables = {"RAY_TMPDIR": name, **os.environ, **environment}
        with log.open("w") as file:
            driver = subprocess.Popen(
                [*command, "--out", str(out)],
                cwd=folder,
                env=variables,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process, which ends the driver and all below it.
            )
            peak = _watch(driver, limit_s)
        if driver.returncode or not out.is_file():
            raise Failed(_last_line(log))
        return json.loads(out.read_text(encoding="utf-8")) | {"peak_memory_mib": round(peak / 2**20, 1)}


def _watch(driver: subprocess.Popen[bytes], limit_s: float) -> int:
    """Waits until it has ended, at most so long; the most bytes that it and all below it had."""
    seen: dict[int, processes.Process] = {}
    peak, end = 0, time.monotonic() + limit_s
    try:
        while driver.poll() is None:
            family = processes.below(driver.pid)
            seen |= family
            peak = max(peak, processes.memory_bytes(family))
            if time.monotonic() > end:
                raise Failed(f"took more than {limit_s:.0f} s")
            try:
                driver.wait(EVERY_S)
            except subprocess.TimeoutExpired:
                continue
    finally:
        processes.kill(seen | processes.below(driver.pid))
        with contextlib.suppress(OSError):  # Nothing is left of its group.
            os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    return peak


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "ended without a word"
