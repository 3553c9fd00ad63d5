"""What RLlib and Tune add to playing and updating: CPU-seconds per iteration of about 1,600 env steps."""

from __future__ import annotations

import contextlib
import io
import itertools
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.figures import Figure
from benchmarks.timing import family_cpu_seconds
from benchmarks.updates import new_config

BATCH = 32
WARM_UP = 6  # iterations: the fourth brings the first update


class _Meter:
    """CPU-seconds that a process spent in some of its objects' methods."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: Any, method: str) -> None:
        """Counts the time in `owner.method` from now on."""
        original = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return original(*args, **kwargs)
            finally:
                self.seconds += time.process_time() - start

        setattr(owner, method, timed)


def _report(*, algorithm: Any, result: dict[str, Any], **kwargs: Any) -> None:
    """Callback: adds to the result how long the algorithm has played, stored, drawn and updated so far."""
    if not hasattr(algorithm, "benchmark_meter"):  # From the second iteration on everything is measured.
        algorithm.benchmark_meter = _Meter()
        for owner, method in (
            (algorithm.env_runner, "sample"),
            (algorithm.replay_buffer, "add"),
            (algorithm.replay_buffer, "sample"),
            (algorithm.learner_group._learner, "update"),
        ):
            algorithm.benchmark_meter.watch(owner, method)
    result["work_cpu_seconds"] = algorithm.benchmark_meter.seconds


def _config(algorithm: str) -> Any:
    return (
        new_config(algorithm)
        .training(train_batch_episodes=BATCH, replay_buffer_capacity=1000, epsilon=1.0)
        .callbacks(on_train_result=_report)
    )


def bench(algorithm: str, iterations: int, report: Callable[[Figure], None]) -> None:
    """RLlib alone: this process's time around what the algorithm itself does."""
    algo = _config(algorithm).build_algo()
    marks = []
    for _ in range(WARM_UP + iterations + 1):
        work = algo.train()["work_cpu_seconds"]
        marks.append((time.process_time(), work))
    algo.stop()
    report(_figure(f"{algorithm} overhead of RLlib", marks, "one process"))


def bench_tune(algorithm: str, iterations: int, report: Callable[[Figure], None]) -> None:
    """The same as a trial of Tune with its default loggers: time of all processes, Ray's own among them."""
    from ray import tune

    marks: list[tuple[float, float]] = []
    looking = 0.0  # CPU-seconds that it took to ask for everybody's CPU-seconds

    class Clock(tune.Callback):
        def on_trial_result(
            self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
        ) -> None:
            nonlocal looking
            start = time.process_time()
            marks.append((family_cpu_seconds() - looking, result["work_cpu_seconds"]))
            looking += time.process_time() - start

    config = _config(algorithm)
    # Tune says where it writes, even if told to be quiet.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        tune.Tuner(
            config.algo_class,
            param_space=config,
            run_config=tune.RunConfig(
                stop={"training_iteration": WARM_UP + iterations + 1},
                storage_path=folder,
                callbacks=[Clock()],
                verbose=0,
            ),
        ).fit()
    report(
        _figure(
            f"{algorithm} overhead of Tune and RLlib",
            marks,
            "all processes; CSV, JSON and TensorBoard loggers",
        )
    )


def _figure(name: str, marks: list[tuple[float, float]], note: str) -> Figure:
    """Overhead between the end of the warm-up and the last iteration, over five equal parts of that time."""
    marks = marks[WARM_UP:]
    ends = [round(part * (len(marks) - 1) / 5) for part in range(6)]
    shares, costs = [], []
    for begin, end in itertools.pairwise(ends):
        whole, work = (marks[end][i] - marks[begin][i] for i in (0, 1))
        shares.append(100 * (whole - work) / whole)
        costs.append(1000 * (whole - work) / (end - begin))
    cost = sorted(costs)[len(costs) // 2]
    return Figure(name, "% of an iteration", shares, note=f"{cost:.0f} CPU-ms; {note}")
