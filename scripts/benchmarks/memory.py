"""Memory of a small run as a user starts it: of the command, the trial and every process of Ray. Linux only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks import processes
from benchmarks.figures import Figure

RUNS = 3
PERIOD = 1.0  # seconds between two looks
ENV_STEPS = 10_000
COMMAND = (
    *(
        "train",
        "--algo",
        "QMIX",
        "--env",
        "mpe2.simple_spread_v3",
        "--ray-num-cpus",
        "2",
        "--storage-path",
        ".",
    ),
    *("--stop", f'{{"num_env_steps_sampled_lifetime": {ENV_STEPS}}}'),
)
TRIAL = "trial"
# Part of a command line → what the process is. The first that fits counts: that of the raylet names others.
KINDS = {
    "raylet/raylet": "Ray's raylet",
    "gcs/gcs_server": "Ray's control store",
    "ray::QMIX": TRIAL,
    "ray::IDLE": "Ray's waiting workers",
    "default_worker.py": "Ray's waiting workers",
    "DashboardAgent": "Ray's agent for metrics",
    "dashboard/agent.py": "Ray's agent for metrics",
    "RuntimeEnvAgent": "Ray's agent for environments",
    "runtime_env/agent": "Ray's agent for environments",
    "log_monitor.py": "Ray's log monitor",
    "monitor.py": "Ray's autoscaler",
    "dashboard/dashboard.py": "Ray's dashboard",
    "rllib_remix.cli": "command, which drives Tune",
}


def bench(report: Callable[[Figure], None]) -> None:
    """What each process held when the run was last seen with its trial; the median of fresh runs.

    Raises:
        RuntimeError: a run failed, or ended before its trial was seen.
    """
    pss, anonymous = zip(*[_of_a_run() for _ in range(RUNS)], strict=True)
    for kind in dict.fromkeys(kind for each in pss for kind in each):
        report(_figure(f"run, {kind}", [each[kind] for each in pss]))
    note = "pages of files that other processes on the machine use too count in part"
    report(_figure("run, all processes", [each.total() for each in pss], note))
    report(_figure("run, all processes, without files", [each.total() for each in anonymous]))


def _figure(name: str, kib: list[int], note: str = "") -> Figure:
    return Figure(name, "MiB", [each / 1024 for each in kib], note=note)


def _of_a_run() -> tuple[Counter[str], Counter[str]]:
    """KiB by kind of process: PSS, and the anonymous part of it."""
    last: tuple[Counter[str], Counter[str]] | None = None
    with tempfile.TemporaryDirectory() as folder, open(Path(folder, "output"), "w+") as output:
        command = [sys.executable, "-m", "rllib_remix.cli", *COMMAND]
        run = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            while run.poll() is None:
                seen = of_tree(run.pid)
                last = seen if TRIAL in seen[0] else last
                time.sleep(PERIOD)
        finally:
            run.terminate()
        if run.returncode or last is None:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {run.returncode}: {output.read()}")
    return last


def of_tree(process: int) -> tuple[Counter[str], Counter[str]]:
    """KiB by kind of process, of a child of this one and all below it: PSS (pages that processes share are divided by their
    number), and the anonymous part of it."""
    pss, anonymous = Counter[str](), Counter[str]()
    for number in processes.below(process):
        kind, kib = kind_of(processes.command_line(number)), processes.rollup(number)
        if kib:
            pss[kind] += kib["Pss"]
            anonymous[kind] += kib["Pss_Anon"]
    return pss, anonymous


def kind_of(command: str) -> str:
    """What a process is, by its command line."""
    return next((kind for part, kind in KINDS.items() if part in command), "others")
