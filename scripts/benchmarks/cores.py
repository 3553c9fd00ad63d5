"""What a learner gains by more cores: as threads of its process, as learners in processes, and, computed, by more than there are.

Seconds by the clock, so the machine must do nothing else. Computed is Amdahl's law on an update whose parts run one after
the other in one thread, each timed: what is not in the parts, then the longest part forward and the longest backward. That
is the best that can be. Python's interpreter lock lets one thread at a time prepare a step of its networks; what a part
costs however few episodes it has is more than that. The worst is that nobody does this at the same time as another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.episodes import filled_buffer, play_dense, spec_of
from benchmarks.figures import Figure
from benchmarks.timing import family_cpu_seconds
from benchmarks.updates import BATCHES, batch_of, new_config, new_learner
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.models import threads
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.spaces import team_spaces
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards

ALGORITHMS = ("QMIX", "ReMIX")
CORES = (2, 4, 8, 16)
UNIT = "s per update"


@dataclasses.dataclass(frozen=True)
class Parts:
    """CPU-seconds of an update whose parts run one after the other: outside of them, of all, and of the longest.

    Attributes:
        cores: how many parts.
        outside: of what is not in parts.
        inside: of all parts, forward and backward.
        longest: of the longest forward and the longest backward.
    """

    cores: int
    outside: float
    inside: float
    longest: float


def expected(parts: Parts, per_part: float) -> tuple[float, float]:
    """Seconds of an update on as many cores as there are parts: at best, and if all that every part costs needs the lock.

    Args:
        parts: as measured.
        per_part: CPU-seconds of a part however few episodes it has.
    """
    return parts.outside + parts.longest, parts.outside + max(parts.longest, parts.cores * per_part)


def cost_per_part(fewest: Parts, most: Parts) -> float:
    """CPU-seconds by which one part more makes an update dearer, 0 or more."""
    return max(0.0, (most.inside - fewest.inside) / (most.cores - fewest.cores))


def bench(repeats: int, report: Callable[[Figure], None]) -> None:
    """All of it; needs Ray to be started."""
    dense = play_dense(max(BATCHES))
    for algorithm in ALGORITHMS:
        for size in BATCHES:
            _bench(algorithm, dense[:size], repeats, report)


def _bench(
    algorithm: str, episodes: Sequence[TeamEpisode], repeats: int, report: Callable[[Figure], None]
) -> None:
    name, spec, batch = f"cores: {algorithm}, batch {len(episodes)}", spec_of(episodes[0]), batch_of(episodes)
    there = [cores for cores in CORES if cores <= (os.cpu_count() or 1)]
    alone = None
    for number in (1, *there):
        learner = new_learner(new_config(algorithm, num_threads_per_learner=number), spec)
        measured = _timed(lambda learner=learner: learner.update(batch=batch), time.process_time, repeats)
        alone = alone or measured
        report(_measured(f"{name}, {number} thread{'s' * (number > 1)}", measured, alone))
    assert alone is not None
    for number in there:
        with _learners(algorithm, spec, number) as group:
            own = _dealt(episodes, number)
            work = lambda group=group, own=own: group.update(batch=own, timesteps={})  # noqa: E731
            measured = _timed(work, family_cpu_seconds, repeats)
        report(_measured(f"{name}, {number} learners", measured, alone))
    parts = [_parts(new_learner(new_config(algorithm), spec), batch, cores) for cores in CORES]
    report(_outside(name, parts[0]))
    per_part = cost_per_part(parts[0], parts[-1])
    for each in parts:
        report(_computed(name, each, per_part, alone))


# Measured


class _Times:
    """Of every repetition, by the clock and of all cores."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []


def _timed(work: Callable[[], object], cpu_clock: Callable[[], float], repeats: int) -> _Times:
    """Times of repetitions, after two that are not counted: threads and processes begin with the first."""
    times = _Times()
    for _ in range(2):
        work()
    for _ in range(repeats):
        start, cpu_start = time.perf_counter(), cpu_clock()
        work()
        times.seconds.append(time.perf_counter() - start)
        times.cpu_seconds.append(cpu_clock() - cpu_start)
    return times


def _measured(name: str, times: _Times, alone: _Times) -> Figure:
    gain = statistics.median(alone.seconds) / statistics.median(times.seconds)
    note = f"{statistics.median(times.cpu_seconds):.3g} CPU-s"
    return Figure(name, UNIT, times.seconds, note=note if times is alone else f"× {gain:.2f}, {note}")


def _dealt(episodes: Sequence[TeamEpisode], learners: int) -> Any:
    """As `batch_of`, for several learners."""
    sample = filled_buffer(episodes).sample(len(episodes))
    return learner_batch(Rewards(normalize=True).prepare(sample), num_learners=learners)


@contextlib.contextmanager
def _learners(algorithm: str, spec: TeamSpec, number: int) -> Iterator[Any]:
    config = new_config(algorithm).learners(num_learners=number, num_cpus_per_learner=1)
    group = config.build_learner_group(spaces={"default_policy": team_spaces(spec)})
    try:
        yield group
    finally:
        group.shutdown()


# Computed


def _parts(learner: Any, batch: Any, cores: int, repeats: int = 2) -> Parts:
    """The least of some updates, after one that is not counted."""
    for module in learner._team_modules():
        module.num_threads = cores
    found = []
    with _one_after_the_other() as calls:
        for _ in range(repeats + 1):
            calls.clear()
            start = time.thread_time()
            learner.update(batch=batch)
            whole, inside = time.thread_time() - start, sum(map(sum, calls))
            found.append(Parts(cores, whole - inside, inside, sum(map(max, calls))))
    return min(found[1:], key=lambda parts: parts.outside + parts.inside)


@contextlib.contextmanager
def _one_after_the_other() -> Iterator[list[list[float]]]:
    """No threads while it lasts; a list that gets, of every call that would have used them, the CPU-seconds of each part."""
    original, calls = threads._in_threads, []

    def in_a_row(work: Callable[[Any], Any], things: Sequence[Any]) -> list[Any]:
        done, times = [], []
        for thing in things:
            start = time.thread_time()
            done.append(work(thing))
            times.append(time.thread_time() - start)
        calls.append(times)
        return done

    threads._in_threads = in_a_row
    try:
        yield calls
    finally:
        threads._in_threads = original


def _outside(name: str, parts: Parts) -> Figure:
    share = 100 * parts.outside / (parts.outside + parts.inside)
    return Figure(f"{name}, not in threads", "% of the update", [share], note=f"{parts.outside:.3g} CPU-s")


def _computed(name: str, parts: Parts, per_part: float, alone: _Times) -> Figure:
    best, worst = expected(parts, per_part)
    one = statistics.median(alone.cpu_seconds)
    note = f"computed: × {one / best:.1f} at best, × {one / worst:.1f} at worst ({worst:.3g} s)"
    return Figure(f"{name}, {parts.cores} cores, computed", UNIT, [best], note=note)
