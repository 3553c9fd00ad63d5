#!/usr/bin/env python
"""What the adapter of other people's environments costs, and what copies in several processes gain.

Usage:
  .venv/bin/python scripts/benchmark_foreign.py                     all environments whose package is here
  .venv/bin/python scripts/benchmark_foreign.py --only lbforaging rware
  .venv/bin/python scripts/benchmark_foreign.py --processes 2       env steps per second in 0 and in 2 processes
  .venv/bin/python scripts/benchmark_foreign.py --out docs/results/benchmark_foreign.json

Random actions, the same for a bare loop and for the adapter, in turns: CPU-seconds of both, in the same minute. The bare
loop steps as many copies, makes what the environment wants of the actions, and begins anew when an episode is over; it
looks at nothing. "in the adapter" is what a step spends outside of the environments. "with state" has the environment's own global state in the bare loop too, as the adapter asks for it.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import machine

from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.processes.team import ProcessTeamEnv
from rllib_remix.envs.team_env import TeamEnv, TeamStep, random_actions


def _zoo(module: str, **settings: Any) -> Callable[[], Any]:
    return lambda: import_module(module).parallel_env(**settings)


def _gym(package: str, name: str) -> Callable[[], Any]:
    def make() -> Any:
        import gymnasium

        import_module(package)
        return gymnasium.make(name)

    return make


# name -> creator, options of the adapter, env steps of a round
ENVIRONMENTS: dict[str, tuple[Callable[[], Any], dict[str, Any], int]] = {
    "simple_spread": (_zoo("mpe2.simple_spread_v3"), {"state": "observations"}, 150),
    "simple_spread with state": (_zoo("mpe2.simple_spread_v3"), {"state": "environment"}, 150),
    "simple_speaker_listener": (_zoo("mpe2.simple_speaker_listener_v4"), {"state": "observations"}, 250),
    "lbforaging": (_gym("lbforaging", "Foraging-8x8-2p-2f-coop-v3"), {"state": "observations"}, 400),
    "rware": (_gym("rware", "rware-tiny-2ag-v2"), {"state": "observations"}, 150),
    "magent2 battle": (_zoo("magent2.environments.battle_v4"), {"state": "observations"}, 40),
    "pistonball": (
        _zoo("pettingzoo.butterfly.pistonball_v6", continuous=False),
        {"state": "observations"},
        10,
    ),
    "knights_archers_zombies": (
        _zoo("pettingzoo.butterfly.knights_archers_zombies_v11"),
        {"state": "observations"},
        40,
    ),
}


class Bare:
    """A loop over copies without any adapter, of PettingZoo's parallel environments and gymnasium's of lists."""

    def __init__(self, make: Callable[[], Any], copies: int, *, with_state: bool) -> None:
        self._envs = [make() for _ in range(copies)]
        self._is_zoo = hasattr(self._envs[0], "possible_agents")
        agents = self._envs[0].possible_agents if self._is_zoo else ()
        self._slots = {agent: slot for slot, agent in enumerate(agents)}
        self._with_state = with_state
        self._over = [True] * copies

    def play(self, actions: np.ndarray) -> None:
        """One step of every copy; [N, n]."""
        step = self._step_zoo if self._is_zoo else self._step_list
        for copy, (env, row) in enumerate(zip(self._envs, actions.tolist(), strict=True)):
            if self._over[copy]:
                env.reset(seed=0)
                self._over[copy] = False
            else:
                self._over[copy] = step(env, row)
            if self._with_state:
                env.state()

    def _step_zoo(self, env: Any, row: list[int]) -> bool:
        env.step({agent: row[self._slots[agent]] for agent in env.agents})
        return not env.agents

    @staticmethod
    def _step_list(env: Any, row: list[int]) -> bool:
        _, _, terminated, truncated, _ = env.step(tuple(row))
        return bool(np.any(terminated) or np.any(truncated))


def _fitting(step: TeamStep, rng: np.random.Generator) -> np.ndarray:
    return random_actions(step.avail_actions, rng)


def measure(name: str, copies: int, rounds: int) -> dict[str, Any]:
    """CPU-µs of an env step of one copy, bare and through the adapter, in medians of rounds that take turns."""
    make, options, steps = ENVIRONMENTS[name]
    rng = np.random.default_rng(0)
    env = adapt(lambda copy: make(), copies, options)
    bare = Bare(make, copies, with_state=options["state"] == "environment")
    step = env.reset(seed=0)
    spent: dict[str, list[float]] = {"bare": [], "adapter": []}
    for _ in range(rounds):
        adapter_s = bare_s = 0.0
        for _ in range(steps):
            actions = _fitting(step, rng)
            start = time.process_time()
            step = env.step(actions)
            middle = time.process_time()
            bare.play(actions)
            adapter_s, bare_s = adapter_s + middle - start, bare_s + time.process_time() - middle
        spent["adapter"].append(adapter_s / steps / copies * 1e6)
        spent["bare"].append(bare_s / steps / copies * 1e6)
    share = _share(env, steps, rng)
    env.close()
    ratio = statistics.median(b / a for a, b in zip(spent["adapter"], spent["bare"], strict=True))
    medians = {f"{which}_us": round(statistics.median(values), 1) for which, values in spent.items()}
    return {
        "agents": env.n_agents,
        "copies": copies,
        **medians,
        "kept": round(ratio, 3),
        "share": round(share, 3),
    }


def _share(env: Any, steps: int, rng: np.random.Generator) -> float:
    """The part of a step's CPU time that is spent outside of the environments themselves."""
    inside = 0.0

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            start = time.process_time()
            result = method(*args, **kwargs)
            inside += time.process_time() - start
            return result

        return call

    for copy in env.envs:
        for name in ("step", "reset", "state"):
            if callable(getattr(copy, name, None)):
                setattr(copy, name, timed(getattr(copy, name)))
    step, spent = env.reset(seed=0), 0.0
    inside = 0.0
    for _ in range(steps):
        actions = _fitting(step, rng)
        start = time.process_time()
        step = env.step(actions)
        spent += time.process_time() - start
    return 1 - inside / spent


def working(milliseconds: float) -> Callable[[int], Any]:
    """Makes simple_spread with a step that takes so much longer."""

    def make(copy: int) -> Any:
        env = import_module("mpe2.simple_spread_v3").parallel_env()
        own = env.step

        def step(actions: Any) -> Any:
            end = time.thread_time() + milliseconds / 1000
            while time.thread_time() < end:
                pass
            return own(actions)

        env.step = step
        return env

    return make


def measure_processes(count: int, copies: int, rounds: int) -> list[dict[str, Any]]:
    """Env steps per second of wall time in one process and in several, of slower and slower environments."""
    results = []
    for milliseconds in (0.0, 0.5, 2.0):
        make = working(milliseconds)
        envs: dict[int, TeamEnv] = {
            0: adapt(make, copies, {"state": "observations"}),
            count: ProcessTeamEnv(make, copies, count, {"state": "observations"}),
        }
        rates: dict[int, list[float]] = {number: [] for number in envs}
        for _ in range(rounds):
            for number, env in envs.items():
                rates[number].append(_rate(env, 50))
        for env in envs.values():
            env.close()
        medians = {number: statistics.median(values) for number, values in rates.items()}
        results.append(
            {
                "added_ms": milliseconds,
                "copies": copies,
                **{f"env_steps_per_s_{number}": round(rate) for number, rate in medians.items()},
                "gain": round(medians[count] / medians[0], 2),
            }
        )
    return results


def _rate(env: TeamEnv, steps: int) -> float:
    rng = np.random.default_rng(0)
    step = env.reset(seed=0)
    start = time.perf_counter()
    for _ in range(steps):
        step = env.step(_fitting(step, rng))
    return steps * env.num_envs / (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=ENVIRONMENTS, default=list(ENVIRONMENTS), metavar="NAME")
    parser.add_argument(
        "--processes", type=int, default=0, help="measure these instead (default: %(default)s)"
    )
    parser.add_argument("--copies", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="add the figures to this JSON file")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    described = machine.describe()
    print(machine.summary(described), flush=True)
    found: dict[str, Any] = {}
    if options.processes:
        found["processes"] = measure_processes(options.processes, options.copies, options.rounds)
        print(*found["processes"], sep="\n")
    else:
        found["adapter"] = {}
        for name in options.only:
            try:
                ENVIRONMENTS[name][0]().close()
            except ImportError as error:
                print(f"{name:28} left out: {error}")
                continue
            result = found["adapter"][name] = measure(name, options.copies, options.rounds)
            print(
                f"{name:28} {result['agents']:4} agents: {result['bare_us']:9.1f} µs bare, {result['adapter_us']:9.1f} µs "
                f"adapted, {result['kept']:.0%} of its steps kept, {result['share']:.0%} of the time in the adapter",
                flush=True,
            )
    if options.out is not None:
        before = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
        text = json.dumps({**before, "machine": described, **found}, indent=1)
        options.out.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
