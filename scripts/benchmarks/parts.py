"""Environment, rollout and replay on Predator-Prey with 8 agents and episodes of 200 steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from benchmarks import floors
from benchmarks.episodes import filled_buffer
from benchmarks.figures import Figure
from benchmarks.timing import cpu_seconds
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.envs.team_env import TeamEnv
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.rollout.episode import TeamEpisode

RATE = "env steps per CPU-s"


def bench_kernel(repeats: int, copies: int = 64, steps: int = 1000) -> Figure:
    """The environment alone: masks, state and observations included."""
    times = _kernel_seconds(PredatorPrey(copies), steps, repeats)
    return Figure(
        f"kernel, {copies} copies", RATE, [copies * steps / seconds for seconds in times], more_is_better=True
    )


def _kernel_seconds(env: TeamEnv, steps: int, repeats: int) -> list[float]:
    """CPU-seconds of `steps` steps; who only stays needs the same time, and no choice of actions."""
    env.reset(seed=0)
    stay = np.full((env.num_envs, env.n_agents), 4)

    def play() -> None:
        for _ in range(steps):
            env.step(stay)

    return cpu_seconds(play, repeats)


def bench_rollout(copies: int, repeats: int) -> Figure:
    """The env runner at ε near 1, inference and recording of episodes included."""
    config = get_algorithm_config("QMIX").environment("predator_prey").debugging(seed=0)
    runner = TeamEnvRunner(config=config.env_runners(num_envs_per_env_runner=copies), worker_index=0)
    runner.sample()
    rates = []
    for _ in range(repeats):
        start = time.process_time()
        steps = sum(map(len, runner.sample(num_episodes=64)))
        rates.append(steps / (time.process_time() - start))
    env = runner.env
    assert env is not None
    alone = min(_kernel_seconds(env, 200, 3)) + min(_network_seconds(env, runner.module.agent, 200, 3))
    return Figure(
        f"rollout, {copies} copies",
        RATE,
        rates,
        more_is_better=True,
        floor=copies * 200 / alone,
        floor_says="of rollouts: the environment's and the network's steps alone",
    )


def _network_seconds(env: TeamEnv, agent: RecurrentAgent, steps: int, repeats: int) -> list[float]:
    obs = torch.zeros(env.num_envs, env.n_agents, env.obs_dim, dtype=torch.uint8)
    last_actions = torch.zeros(env.num_envs, env.n_agents, dtype=torch.long)
    hidden = torch.zeros(env.num_envs * env.n_agents, agent.hidden_dim)

    @torch.inference_mode()
    def act() -> None:
        for _ in range(steps):
            agent.step(obs, last_actions, hidden)

    return cpu_seconds(act, repeats)


def bench_replay(
    episodes: Sequence[TeamEpisode], repeats: int, report: Callable[[Figure], None], batch_size: int = 128
) -> None:
    """Drawing a batch from a buffer that is larger than the CPU's caches, and what an episode takes there."""
    buffer = filled_buffer(episodes, times=8)
    times = [1000 * seconds for seconds in cpu_seconds(lambda: buffer.sample(batch_size), 4 * repeats)]
    arrays = [np.asarray(values) for values in buffer.sample(batch_size).values()]
    report(
        Figure(
            f"replay, draw of {batch_size}",
            "CPU-ms",
            times,
            floor=1000 * floors.copy_seconds(arrays),
            floor_says="of replay: copying the same bytes",
            note=f"{sum(array.nbytes for array in arrays) / 2**20:.0f} MiB",
        )
    )
    per_episode = buffer.bytes_needed(buffer.spec, 1000) / 1000 / 1024
    report(Figure("replay memory", "KiB per episode", [per_episode]))
