#!/usr/bin/env python
"""Which environments that others wrote a team can play, and what the adapter costs of their speed.

Usage:
  .venv/bin/python scripts/strangers_table.py                       all whose package is here
  .venv/bin/python scripts/strangers_table.py --only rware vmas     those with one of these in their names
  .venv/bin/python scripts/strangers_table.py --out docs/results/strangers.json

The list is `scripts/strangers/table.py`. Each is made as `rllib train` makes it, 8 copies, and played with random available
actions for --seconds of CPU time. "bare" counts the time inside the environments' own methods alone, "adapter" all of a step:
the same steps, so that both share the load of the machine. Prints the table of docs/strangers.md, with what
strangers_learning.py found.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import machine
from strangers.table import STRANGERS, Stranger

from rllib_remix.envs.foreign.kinds.overcooked import OvercookedParallelEnv
from rllib_remix.envs.foreign.stand_in import StandIn
from rllib_remix.envs.team_env import random_actions
from rllib_remix.errors import SettingError
from rllib_remix.rollout.building import build_team_env

METHODS = (
    "reset",
    "step",
    "state",
    "last",
    "observe",
    "reset_at",
    "seed",
    "get_from_scenario",
    "lossless_state_encoding_mdp",
)
COPIES = 8
LEARNED = Path(__file__).parents[1] / "docs" / "results" / "strangers_learning.json"


class Watch:
    """CPU time inside the methods of environments; of methods that call each other only the outermost counts."""

    def __init__(self) -> None:
        self.spent, self._depth = 0.0, 0

    def over(self, env: Any) -> None:
        """Watches the methods of an environment from now on."""
        for name in METHODS:
            if callable(method := getattr(env, name, None)):
                setattr(env, name, self._timed(method))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._depth:
                return method(*args, **kwargs)
            self._depth += 1
            start = time.process_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.spent += time.process_time() - start
                self._depth -= 1

        return call


def measure(stranger: Stranger, seconds: float) -> dict[str, float]:
    """Env steps per CPU-second, inside the environment and through the adapter."""
    env = build_team_env(stranger.name, stranger.env_config, COPIES)
    watch, rng = Watch(), np.random.default_rng(0)
    for copy in inner_of(env):
        watch.over(copy)
    step = env.reset(seed=0)
    spent = watch.spent = 0.0
    steps = 0
    while spent < seconds:
        actions = random_actions(step.avail_actions, rng)
        start = time.process_time()
        step = env.step(actions)
        spent += time.process_time() - start
        steps += COPIES
    env.close()
    return {
        "bare_steps_per_cpu_s": round(steps / watch.spent),
        "steps_per_cpu_s": round(steps / spent),
        "kept": round(watch.spent / spent, 3),
    }


def inner_of(env: Any) -> list[Any]:
    """The environments as others wrote them."""
    envs = getattr(env, "envs", None) or [env.env]
    return [each.env if isinstance(each, StandIn | OvercookedParallelEnv) else each for each in envs]


def row(stranger: Stranger, seconds: float) -> dict[str, Any]:
    """What docs/results/strangers.json says of one."""
    about = {"name": stranger.name, "env_config": stranger.env_config, "command": stranger.command}
    try:
        env = build_team_env(stranger.name, stranger.env_config, 1)
    except SettingError as error:
        return {**about, "accepted": False, "message": str(error)}
    sizes = {"agents": env.n_agents, "actions": env.n_actions, "observation": env.obs_dim}
    sizes |= {"state": env.state_dim, "limit": env.episode_limit}
    assumed = list(getattr(env, "assumed", ()))
    env.close()
    return {**about, "accepted": True, **sizes, "assumed": assumed, **measure(stranger, seconds)}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The tables of docs/strangers.md."""
    played = [each for each in rows if each["accepted"]]
    refused = [each for each in rows if not each["accepted"]]
    lines = [
        "| `rllib train --algo QMIX …` | agents | actions | observation | state | limit | bare | adapter | kept | random | learned |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    learning = json.loads(LEARNED.read_text(encoding="utf-8")) if LEARNED.exists() else {}
    for each in played:
        sizes = [f"{each[key]:,}" for key in ("agents", "actions", "observation", "state", "limit")]
        rates = [f"{each[key]:,}" for key in ("bare_steps_per_cpu_s", "steps_per_cpu_s")]
        lines.append(
            f"| {_typed(each)} | {' | '.join([*sizes, *rates])} | {each['kept']:.0%} | {_learned(learning.get(each['command'], {}))} |"
        )
    if refused:
        lines += ["", "| refused | what the screen says |", "|---|---|"]
        lines += [f"| {_typed(each)} | {each['message'].replace('|', chr(92) + '|')} |" for each in refused]
    return "\n".join(lines)


def _learned(found: dict[str, Any]) -> str:
    """Two cells: the return of random play, and the greedy one after so many env steps."""
    if not found:
        return "– | not trained"
    if "message" in found:
        return f"{found['random']:.3g} | refused: {found['message'].partition(':')[0]}"
    return f"{found['random']:.3g} | {found['greedy']:.3g} at {found['env_steps'] / 1000:.0f}k"


def _typed(each: dict[str, Any]) -> str:
    return f"`{each['command'].removeprefix('rllib train --algo QMIX ')}`"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="of CPU time for each (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="write this JSON file")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    sys.path.append(str(Path(__file__).parent / "strangers"))
    rows = []
    for stranger in STRANGERS:
        if not any(word in stranger.name for word in options.only):
            continue
        if not stranger.is_here:
            print(f"left out, as its package is not here: {stranger.name}", file=sys.stderr)
            continue
        rows.append(row(stranger, options.seconds))
        print(stranger.name, rows[-1].get("kept", "refused"), file=sys.stderr, flush=True)
    print(markdown(rows))
    if options.out is not None:
        found = {"machine": machine.describe(), "copies": COPIES, "environments": rows}
        options.out.write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
