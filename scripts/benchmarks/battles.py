"""smac_sim under random play: masks, observations, states, rewards, new episodes and the choice of actions included."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.figures import Figure
from benchmarks.parts import RATE
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.team_env import random_actions

# Env steps per CPU-second of one core of a 2-core Xeon, under random play with all that agents see: SMAX (jaxmarl
# 0.2.0, 32 environments in one jitted scan on the CPU; 1 environment on 27m_vs_30m) and SMAClite 0.0.1, which runs one
# environment per process. None: it does not have the map, or was not measured.
PEERS: dict[str, tuple[int | None, int | None]] = {
    "3m": (61_718, 195),
    "3s_vs_5z": (31_748, 139),
    "5m_vs_6m": (19_169, None),
    "6h_vs_8z": (13_315, None),
    "MMM2": (None, 64),
    "corridor": (None, 29),
    "27m_vs_30m": (725, 35),
    "2c_vs_64zg": (None, None),
}
STEPPED_FROM_PYTHON = {"3m": (1_141, 195)}  # SMAX with one environment, driven step by step
COPIES = 32
LEAST_SECONDS = 1.5  # CPU time of a repetition: dozens of episodes of every copy
WARM_UP = 200  # env steps, so that the copies are at different points of their episodes


def bench(repeats: int, report: Callable[[Figure], None]) -> None:
    """All maps with COPIES copies, and one copy where there is something to compare it with."""
    for copies, maps in ((COPIES, PEERS), (1, STEPPED_FROM_PYTHON)):
        for map_name, peers in maps.items():
            report(
                Figure(
                    f"smac_sim {map_name}, {copies} {'copies' if copies > 1 else 'copy'}",
                    RATE,
                    _rates(map_name, copies, repeats),
                    more_is_better=True,
                    note=_note(*peers),
                )
            )


def _rates(map_name: str, copies: int, repeats: int) -> list[float]:
    env, rng = SmacSim(copies, map_name=map_name), np.random.default_rng(0)
    step = env.reset(seed=0)
    for _ in range(WARM_UP):
        step = env.step(random_actions(step.avail_actions, rng))
    rates = []
    for _ in range(repeats):
        played, start, seconds = 0, time.process_time(), 0.0
        while seconds < LEAST_SECONDS:
            for _ in range(20):
                over = step.terminated | step.truncated
                step = env.step(random_actions(step.avail_actions, rng))
                played += copies - int(
                    over.sum()
                )  # A step that starts an episode takes time, but is none of it.
            seconds = time.process_time() - start
        rates.append(played / seconds)
    return rates


def _note(smax: int | None, smaclite: int | None) -> str:
    known = [(name, rate) for name, rate in (("SMAX", smax), ("SMAClite", smaclite)) if rate is not None]
    return "; ".join(f"{name} {rate:,}" for name, rate in known)
