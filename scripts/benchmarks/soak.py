"""Whether memory stays flat over a long training: resident memory of the process that drives Tune, and of the trial's.

A tiny game, so that an iteration takes milliseconds and what RLlib and Tune keep of it is nearly all that it costs.
Linux only.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune import Callback

from benchmarks.figures import Figure
from rllib_remix.experiments.checking import check_experiment
from rllib_remix.experiments.experiment import Checkpoints, Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.tune_run import run_experiments

ITERATIONS = 2000
CHECKPOINT_EVERY = 10  # iterations
SETTINGS = {
    "env": "two_step_game",
    "train_batch_episodes": 8,
    "replay_buffer_capacity": 64,
    "agent_hidden_dim": 8,
    "mixer_embed_dim": 4,
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "min_sample_timesteps_per_iteration": 1,
    "evaluation_interval": 1,
    "evaluation_duration": 4,
    "seed": 0,
}


def bench(report: Callable[[Figure], None], iterations: int = ITERATIONS) -> None:
    """Growth over the second half, as the slope of a straight line; values are those of its four quarters."""
    driver, trial = _resident_memory(iterations)
    for name, kib in (("driver of Tune", driver), ("trial's process", trial)):
        quarters = np.array_split(np.arange(iterations // 2, iterations), 4)
        whole = _slope(np.arange(iterations // 2, iterations), kib)
        report(
            Figure(
                f"soak, {name}",
                "KiB per iteration",
                [_slope(quarter, kib) for quarter in quarters],
                note=f"{whole:.2f} over the last {iterations - iterations // 2:,} of {iterations:,} iterations; "
                f"{kib[-1] / 1024:.0f} MiB at the end; evaluation in each, a checkpoint every {CHECKPOINT_EVERY}",
            )
        )


def _slope(iterations: np.ndarray, kib: np.ndarray) -> float:
    return float(np.polyfit(iterations, kib[iterations], 1)[0])


def _resident_memory(iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """[iterations] KiB each, of this process and of the trial's, after every result."""
    meter = _Meter()
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(
            name="soak",
            run="QMIX",
            config=dict(SETTINGS),
            stop={"training_iteration": iterations},
            storage_path=folder,
            checkpoints=Checkpoints(frequency=CHECKPOINT_EVERY, num_to_keep=2),
        )
        check_experiment(experiment)
        with contextlib.redirect_stdout(io.StringIO()):
            run_experiments([experiment], cluster=Cluster(num_cpus=2), loggers=_WithMeter(meter=meter))
    return np.array(meter.driver), np.array(meter.trial)


class _Meter(Callback):
    """Notes the memory after every result."""

    def __init__(self) -> None:
        self.driver: list[float] = []
        self.trial: list[float] = []

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict, **info: Any) -> None:
        """Tune's hook."""
        self.driver.append(_resident_kib(os.getpid()))
        self.trial.append(_resident_kib(result["pid"]))


@dataclass(frozen=True)
class _WithMeter(Loggers):
    meter: _Meter = field(default_factory=_Meter)

    def callbacks(self, default_run_name: str) -> list[Any]:
        return [self.meter]


def _resident_kib(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024
