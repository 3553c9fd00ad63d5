#!/usr/bin/env python
"""Speed of the parts on Predator-Prey (8 agents, episodes of 200 steps), in CPU-seconds of one thread.

Usage: .venv/bin/python scripts/benchmark.py [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from rllib_remix.algorithms.qmix import learner_batch
from rllib_remix.algorithms.registry import get_algorithm_config
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.envs.team_env import random_actions
from rllib_remix.learner import TeamLearner
from rllib_remix.replay.buffer import PrioritizedMultiAgentReplayBuffer
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.rollout.spaces import team_spaces

# The MAC-PO authors' code on two cores of a Xeon with AVX-512; CPU-seconds of one thread, for orientation.
REFERENCE = {
    "kernel, 64 copies": 490,
    "rollout, 8 copies": 380,
    "rollout, 32 copies": 380,
    "QMIX update, batch 32": 0.35,
    "QMIX update, batch 128": 1.2,
    "ReMIX update, batch 32": None,
    "ReMIX update, batch 128": None,
    "MACPO update, batch 32": 1.05,
    "MACPO update, batch 128": 3.2,
}


def cpu_seconds(work: Callable[[], object], repeats: int) -> list[float]:
    """CPU-seconds of each repetition, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return times


def bench_kernel(copies: int = 64, steps: int = 1000) -> list[float]:
    """Env-steps per CPU-second of the environment alone: masks, state and observations included."""
    env = PredatorPrey(copies)
    step = env.reset(seed=0)
    actions = random_actions(step.avail_actions, np.random.default_rng(0))
    stay = np.full_like(actions, 4)

    def play() -> None:
        for _ in range(steps):
            env.step(stay)

    return [copies * steps / seconds for seconds in cpu_seconds(play, 5)]


def bench_rollout(copies: int) -> list[float]:
    """Env-steps per CPU-second of the env runner, inference and recording of episodes included."""
    config = get_algorithm_config("QMIX").environment("predator_prey").debugging(seed=0)
    runner = TeamEnvRunner(config=config.env_runners(num_envs_per_env_runner=copies), worker_index=0)
    runner.sample()
    rates = []
    for _ in range(5):
        start = time.process_time()
        steps = sum(map(len, runner.sample()))
        rates.append(steps / (time.process_time() - start))
    return rates


def bench_update(algorithm: str, batch_size: int) -> list[float]:
    """CPU-seconds of one update on episodes of full length."""
    config = get_algorithm_config(algorithm).environment("predator_prey").debugging(seed=0)
    runner = TeamEnvRunner(config=config, worker_index=0)
    spec = runner.get_team_spec()
    buffer = PrioritizedMultiAgentReplayBuffer(spec, capacity=batch_size, seed=0)
    while len(buffer) < batch_size:
        buffer.add(
            [episode for episode in runner.sample(random_actions=True) if len(episode) == spec.episode_limit]
        )
    module_spec = config.get_multi_rl_module_spec(
        spaces={"default_policy": team_spaces(spec)}, inference_only=False
    )
    learner = TeamLearner(config=config, module_spec=module_spec)
    learner.build()
    batch = learner_batch(buffer.sample(batch_size), num_learners=1)
    return cpu_seconds(lambda: learner.update(batch=batch), 5)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)

    measured = {"kernel, 64 copies": bench_kernel()}
    measured |= {f"rollout, {copies} copies": bench_rollout(copies) for copies in (8, 32)}
    for algorithm in ("QMIX", "ReMIX", "MACPO"):
        for batch_size in (32, 128):
            measured[f"{algorithm} update, batch {batch_size}"] = bench_update(algorithm, batch_size)

    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread")
    print(f"{'':26}{'median':>12}{'least':>12}{'largest':>12}{'reference':>12}  unit")
    for name, values in measured.items():
        unit, form = ("CPU-s per update", ".3f") if "update" in name else ("env steps per CPU-s", ",.0f")
        row = [statistics.median(values), min(values), max(values), REFERENCE[name]]
        cells = "".join(f"{'–' if value is None else format(value, form):>12}" for value in row)
        print(f"{name:26}{cells}  {unit}")
    if out is not None:
        out.write_text(json.dumps({"torch": torch.__version__, "figures": measured}, indent=1) + "\n")


if __name__ == "__main__":
    main()
