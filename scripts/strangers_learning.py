#!/usr/bin/env python
"""What QMIX learns by its defaults on every environment of scripts/strangers/table.py, beside random play: a first look.

Usage: .venv/bin/python scripts/strangers_learning.py --out docs/results/strangers_learning.json [--steps 100000] [--only WORD …]

Each is trained by the command as its user types it, one seed, and its last greedy evaluation (32 episodes) is kept, beside
100 random episodes. What the file has of other environments stays. Curves over seeds: scripts/environments_results.py.
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from strangers.table import STRANGERS, Stranger

from rllib_remix.playing.environments import RandomTeam
from rllib_remix.playing.episodes import play
from rllib_remix.reporting.runs import read_runs
from rllib_remix.rollout.building import build_team_env

USER_FILES = Path(__file__).parent / "strangers"
SETTINGS = {"evaluation_duration": 32, "seed": 1}
FEW = 10_000  # env steps, of which every iteration is evaluated


def random_return(stranger: Stranger, episodes: int = 100) -> float:
    """Mean return of random available actions."""
    env = build_team_env(stranger.name, stranger.env_config, 1)
    returns = play(RandomTeam(seed=0), env, episodes, seed=0).returns
    env.close()
    return float(np.mean(returns))


def trained(stranger: Stranger, steps: int, storage: str) -> dict[str, Any]:
    """The last greedy evaluation of a run of the command, and when it was."""
    settings = SETTINGS | {"evaluation_interval": 1 if steps <= FEW else 10}
    command = [
        *(sys.executable, "-m", "rllib_remix.cli", *shlex.split(stranger.command)[1:]),
        *("--stop", json.dumps({"num_env_steps_sampled_lifetime": steps})),
        *("--config", json.dumps(settings), "--storage-path", storage, "--ray-num-cpus", "1"),
    ]
    done = subprocess.run(command, cwd=USER_FILES, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        said = next((line for line in lines if line.startswith("Error: ")), lines[-1])
        return {"message": said.rpartition("SettingError: ")[2]}
    (trial,) = read_runs([Path(storage)])
    evaluated_at, returns = trial.curve("greedy")
    return {"env_steps": int(evaluated_at[-1]), "greedy": round(float(returns[-1]), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=100_000, help="env steps (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    sys.path.append(str(USER_FILES))
    found = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    for stranger in STRANGERS:
        if stranger.refusal or not stranger.is_here:
            continue
        if not any(word in stranger.name for word in options.only):
            continue
        with tempfile.TemporaryDirectory() as storage:
            row = trained(stranger, options.steps, storage)
        found[stranger.command] = {"random": round(random_return(stranger), 3), **row}
        print(stranger.name, found[stranger.command], flush=True)
        options.out.write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
