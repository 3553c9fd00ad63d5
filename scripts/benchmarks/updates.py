"""The learner's update: its time, its weighting's share, and its memory (in a process of its own, see `main`)."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import floors
from benchmarks.episodes import Lives, filled_buffer, lives_of, play_dense, spec_of
from benchmarks.figures import Figure
from benchmarks.timing import cpu_seconds
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.learning.sequences import Sequences
from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.spaces import team_spaces
from rllib_remix.team.learner import TeamLearner, learner_batch
from rllib_remix.team.rewards import Rewards

ALGORITHMS = (
    *("QMIX", "ReMIX", "MACPO", "Qatten", "QPLEX", "QTRAN", "IQL"),
    *("VDAC", "COMA", "DOP", "FOP", "MAPPO"),
)
BATCHES = (32, 128)
DTYPES = ("float32", "bfloat16")


def new_config(algorithm: str, dtype: str = "float32", **training: Any) -> Any:
    """The algorithm's defaults on Predator-Prey, but for `training`, computing in one of DTYPES."""
    config = get_algorithm_config(algorithm).environment("predator_prey").debugging(seed=0)
    return config.training(compute_dtype=dtype, **training)


def new_learner(config: Any, spec: TeamSpec) -> TeamLearner:
    """A learner of its own, outside of any algorithm."""
    module_spec = config.get_multi_rl_module_spec(
        spaces={"default_policy": team_spaces(spec)}, inference_only=False
    )
    learner = config.learner_class(config=config, module_spec=module_spec)
    learner.build()
    return learner


def batch_of(
    episodes: Sequence[TeamEpisode], recent_share: float = 0.0, sequences: Sequences | None = None
) -> Any:
    """All of the episodes as one batch for the learner, as the algorithms hand it over by default.

    A share of them count as the newest, from which alone some learn their policies; `sequences` may cut pieces out of them.
    """
    sample = Rewards(normalize=True).prepare(filled_buffer(episodes).sample(len(episodes)))
    recent = round(recent_share * len(episodes))
    return learner_batch(sequences.cut(sample) if sequences else sample, num_learners=1, num_recent=recent)


def name_of(algorithm: str, batch_size: int, dtype: str, extra: str = "", *, what: str = "update") -> str:
    parts = [f"{algorithm} {what}", f"batch {batch_size}"]
    return ", ".join([*parts, *([dtype] if dtype != "float32" else []), *([extra] if extra else [])])


def bench(
    algorithm: str,
    dtype: str,
    episodes: Sequence[TeamEpisode],
    lives: Lives | None,
    repeats: int,
    extra: str = "",
    **training: Any,
) -> list[Figure]:
    """Time of an update on the episodes, and the share that its weights take.

    Args:
        algorithm, dtype: what is updated, and in which precision.
        episodes: the batch.
        lives: of their agents; None if all are there to the end.
        repeats: measured updates.
        extra: end of the figure's name.
        training: settings that are not at their defaults.
    """
    spec = spec_of(max(episodes, key=len))
    config = new_config(algorithm, dtype, **training)
    recent_share = config.recent_episodes_per_batch() / config.train_batch_episodes
    learner, batch = new_learner(config, spec), batch_of(episodes, recent_share)
    weighting = getattr(config, "weighting", "uniform")
    with timed_weights(weighting) as in_weights:
        times = cpu_seconds(lambda: learner.update(batch=batch), repeats)
    if lives is None:
        size = floors.dense(len(episodes), spec.episode_limit, spec.n_agents)
    else:
        size = floors.ragged(lives.lengths, lives.lives)
    products = floors.update_products(config.networks(), spec, size, passes=config.num_epochs)
    name = name_of(algorithm, len(episodes), dtype, extra)
    figures = [
        Figure(
            name,
            "CPU-s per update",
            times,
            floor=floors.seconds_of_products(products, dtype),
            floor_says=floors.MATRIX_PRODUCTS,
            note=f"{floors.total_flop(products) / 1e9:.0f} GFLOP",
        )
    ]
    if weighting != "uniform":
        shares = [100 * part / whole for part, whole in zip(in_weights[-repeats:], times, strict=True)]
        weights = name_of(algorithm, len(episodes), dtype, extra, what="weights")
        figures.append(Figure(weights, "% of the update", shares))
    return figures


@contextlib.contextmanager
def timed_weights(weighting: str) -> Iterator[list[float]]:
    """A list that gets the CPU-seconds of every call of the weighting while the context lasts."""
    scheme, times = SCHEMES[weighting], []

    @functools.wraps(scheme.function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        result = scheme.function(*args, **kwargs)
        times.append(time.process_time() - start)
        return result

    SCHEMES[weighting] = scheme._replace(function=timed)
    try:
        yield times
    finally:
        SCHEMES[weighting] = scheme


def bench_dense(episodes: Sequence[TeamEpisode], repeats: int, report: Callable[[Figure], None]) -> None:
    """Updates on episodes of full length with the whole team."""
    for algorithm in ALGORITHMS:
        for batch_size in BATCHES:
            for dtype in DTYPES:
                for figure in bench(algorithm, dtype, episodes[:batch_size], None, repeats):
                    report(figure)


def bench_own_parameters(
    episodes: Sequence[TeamEpisode],
    repeats: int,
    shared: dict[str, Figure],
    report: Callable[[Figure], None],
    algorithm: str = "QMIX",
) -> None:
    """Updates of agents with parameters of their own, beside those of agents that share them, of which `shared` are."""
    batch = episodes[: BATCHES[0]]
    for dtype in DTYPES:
        figure, *_ = bench(algorithm, dtype, batch, None, repeats, "own parameters", share_parameters=False)
        same = shared.get(name_of(algorithm, len(batch), dtype))
        ratio = f"{figure.median / same.median:.2f} of shared, " if same else ""
        report(dataclasses.replace(figure, note=ratio + figure.note))


def bench_half_trained(
    episodes: Sequence[TeamEpisode],
    source: str,
    repeats: int,
    dense: dict[str, Figure],
    report: Callable[[Figure], None],
) -> None:
    """The same on a half-trained team's episodes; `dense` are figures to set them against, if there are any."""
    for algorithm in ALGORITHMS:
        for batch_size in BATCHES:
            batch = episodes[:batch_size]
            lives = lives_of(batch, source)
            for dtype in DTYPES:
                figure, *_ = bench(algorithm, dtype, batch, lives, repeats, "half-trained")
                whole = dense.get(name_of(algorithm, batch_size, dtype))
                ratio = f"{figure.median / whole.median:.2f} of dense, " if whole else ""
                report(dataclasses.replace(figure, note=ratio + figure.note))


# Memory


def bench_memory(report: Callable[[Figure], None], algorithm: str = "MACPO", batch_size: int = 128) -> None:
    """Peak memory of the first updates, each precision in a fresh process."""
    for dtype in DTYPES:
        command = [sys.executable, "-m", "benchmarks.updates", algorithm, str(batch_size), dtype]
        scripts = Path(__file__).resolve().parents[1]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=scripts)
        measured = json.loads(done.stdout.splitlines()[-1])
        suffix = "" if dtype == "float32" else f", {dtype}"
        for what, says in (("growth", "over before the first update"), ("total", "of the whole process")):
            gigabytes = measured[what] / 1e9
            report(
                Figure(
                    f"{algorithm} memory, batch {batch_size}, {what}{suffix}", "GB", [gigabytes], note=says
                )
            )


def memory_of_update(algorithm: str, batch_size: int, dtype: str) -> dict[str, int]:
    """Bytes by which this process is larger at the peak of two updates than before, and at the peak as a whole."""
    episodes = play_dense(batch_size)
    learner = new_learner(new_config(algorithm, dtype), spec_of(episodes[0]))
    batch = batch_of(episodes)
    del episodes
    _forget_peak()
    before = _memory("VmRSS")
    for _ in range(2):
        learner.update(batch=batch)
    peak = _memory("VmHWM")
    return {"growth": peak - before, "total": peak}


def _memory(entry: str) -> int:
    """Resident memory now (VmRSS) or at its peak (VmHWM), in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # Not Linux: the peak stands for both.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{entry}:"))


def _forget_peak() -> None:
    """Starts the system's record of the peak anew, where it lets us; what was before must not hide the update."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """`python -m benchmarks.updates ALGORITHM BATCH DTYPE`: the last line is `memory_of_update` as JSON."""
    algorithm, batch_size, dtype = sys.argv[1:]
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    print(json.dumps(memory_of_update(algorithm, int(batch_size), dtype)))


if __name__ == "__main__":
    main()
