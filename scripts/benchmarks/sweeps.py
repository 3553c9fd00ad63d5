"""How the cost of an env step changes with env runners, learners, agents and the size of the replay buffer.

Cost: CPU-µs of all processes per env step that is played, with one QMIX update on 32 episodes per 8 played. On a
machine with few cores this shows what distribution costs, not what it gains.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.episodes import play_dense, spec_of
from benchmarks.figures import Figure
from benchmarks.timing import cpu_seconds, family_cpu_seconds
from benchmarks.updates import batch_of, new_config, new_learner
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.rollout.episode import TeamEpisode

ENV_RUNNERS = (1, 2, 4, 8)
LEARNERS = (0, 1, 2)
AGENTS = (2, 4, 8, 16, 32, 64)
EPISODES = (1_000, 5_000, 10_000, 50_000)
BATCH, EPISODES_PER_UPDATE = 32, 8
UNIT = "CPU-µs per env step"
SHORT_LIMIT = 40  # env steps of an episode where those of full length would not fit


def bench_env_runners(report: Callable[[Figure], None], episodes: int = 64) -> None:
    for number in ENV_RUNNERS:
        config = _config().env_runners(num_env_runners=number)
        report(_bench_algorithm(config, "env runners", number, episodes))


def bench_learners(report: Callable[[Figure], None], episodes: int = 64) -> None:
    for number in LEARNERS:
        config = _config().learners(num_learners=number)
        note = "in the algorithm's process" if number == 0 else ""
        report(_bench_algorithm(config, "learners", number, episodes, note))


def _config() -> Any:
    config = new_config("QMIX").training(
        train_batch_episodes=BATCH,
        rollout_episodes_per_update=EPISODES_PER_UPDATE,
        replay_buffer_capacity=1000,
        epsilon=1.0,
    )
    # One round of episodes is one iteration.
    return config.reporting(min_sample_timesteps_per_iteration=1)


def _bench_algorithm(config: Any, axis: str, x: int, episodes: int, note: str = "") -> Figure:
    """CPU time of all processes over three parts of at least `episodes` episodes each, after the first updates."""
    algorithm = config.build_algo()
    per_iteration = config.num_envs_per_env_runner * max(1, config.num_env_runners)

    def train(iterations: int) -> int:
        """Env steps so far, after so many iterations."""
        results = [algorithm.train() for _ in range(iterations)]
        return int(results[-1]["env_runners"]["num_env_steps_sampled_lifetime"])

    steps = train(math.ceil(2 * BATCH / per_iteration) + 1)
    costs = []
    for _ in range(3):
        before, start = steps, family_cpu_seconds()
        steps = train(math.ceil(episodes / per_iteration))
        costs.append(1e6 * (family_cpu_seconds() - start) / (steps - before))
    algorithm.stop()
    return _point(axis, x, costs, note)


def _point(axis: str, x: int, costs: list[float], note: str) -> Figure:
    return Figure(f"sweep, {axis} {x:,}", UNIT, costs, sweep=(axis, x), note=note)


def bench_agents(report: Callable[[Figure], None], repeats: int = 3) -> None:
    """Teams of n on grids of about the density of 8 predators and 8 prey on 10 × 10 cells; one process."""
    for agents in AGENTS:
        side = max(3, round(10 * math.sqrt(agents / 8)))
        env_config = {"num_predators": agents, "num_prey": agents, "grid_height": side, "grid_width": side}
        config = _config().environment("predator_prey", env_config=env_config)
        runner = TeamEnvRunner(config=config, worker_index=0)
        dense = play_dense(BATCH, env_config=env_config)
        learner, batch = new_learner(config, spec_of(dense[0])), batch_of(dense)
        steps_per_update = EPISODES_PER_UPDATE * len(dense[0])
        runner.sample()
        learner.update(batch=batch)
        costs = []
        for _ in range(repeats):
            start = time.process_time()
            played = sum(map(len, runner.sample()))
            middle = time.process_time()
            learner.update(batch=batch)
            updating = (time.process_time() - middle) / steps_per_update
            costs.append(1e6 * ((middle - start) / played + updating))
        note = f"{side} × {side} cells, {1e6 * updating / costs[-1]:.0%} of it updates"
        report(_point("agents", agents, costs, note))


def bench_buffers(report: Callable[[Figure], None], repeats: int = 10) -> None:
    """Adding 8 episodes and drawing 32 of them from full buffers, per env step; no update."""
    dense = play_dense(64)
    short = play_dense(64, env_config={"episode_limit": SHORT_LIMIT})
    for capacity in EPISODES:
        fits = MultiAgentReplayBuffer.bytes_needed(spec_of(dense[0]), capacity) < _free_bytes() / 3
        episodes = dense if fits else short
        buffer = MultiAgentReplayBuffer(spec_of(episodes[0]), capacity=capacity, seed=0)
        while len(buffer) < capacity:
            buffer.add(episodes[: capacity - len(buffer)])
        steps = EPISODES_PER_UPDATE * len(episodes[0])
        times = cpu_seconds(functools.partial(_add_and_draw, buffer, episodes), repeats)
        costs = [1e6 * seconds / steps for seconds in times]
        gib = buffer.bytes_needed(buffer.spec, capacity) / 2**30
        note = f"replay alone, {gib:.1f} GiB" + ("" if fits else f", episodes of {SHORT_LIMIT} steps")
        report(_point("replay episodes", capacity, costs, note))
        del buffer


def _add_and_draw(buffer: MultiAgentReplayBuffer, episodes: list[TeamEpisode]) -> None:
    buffer.add(episodes[:EPISODES_PER_UPDATE])
    buffer.sample(BATCH)


def _free_bytes() -> float:
    """Memory that is free now."""
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except OSError:
        return 8 * 2**30


def run(report: Callable[[Figure], None]) -> None:
    """All sweeps; needs Ray to be started."""
    torch.set_num_threads(1)
    for bench in (bench_buffers, bench_agents, bench_env_runners, bench_learners):
        bench(report)
