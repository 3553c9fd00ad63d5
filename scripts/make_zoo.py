#!/usr/bin/env python
"""Trains the teams of `rllib_remix/zoo/teams`, writes what acting needs of them, and how well they play.

Usage: .venv/bin/python scripts/make_zoo.py [NAME …] [--runs FOLDER]

Teams that are there are made anew. With the run of a team in --runs, it is taken instead of trained.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rllib_remix.checkpoints.exporting import export
from rllib_remix.playing import evaluate
from rllib_remix.reporting.runs import read_runs
from rllib_remix.zoo.catalog import ENTRY, TEAMS

ROOT = Path(__file__).parents[1]
EPISODES = 1_000


class Recipe(NamedTuple):
    """What a team plays, and how it is trained: an experiment of a tuned example, and a seed."""

    text: str
    example: str
    experiment: str
    seed: int


RECIPES = {
    "matrix-game-cwqmix": Recipe(
        "the non-monotonic matrix game (best return 8)", "matrix_game/cwqmix", "matrix-game-cwqmix", 0
    ),
    "two-step-game-qplex": Recipe(
        "the two-step game (best return 8)", "two_step_game/qplex", "two-step-game-qplex", 0
    ),
    "predator-prey-small-remix": Recipe(
        "Predator-Prey, 6 × 6 cells, 4 predators, 4 prey, punishment −2 (best return 20)",
        "predator_prey_small/remix",
        "predator-prey-small-remix",
        0,
    ),
    "predator-prey-remix": Recipe(
        "Predator-Prey of the papers, 10 × 10 cells, 8 predators, 8 prey, punishment −2 (best return 40)",
        "predator_prey/remix_batch32",
        "predator-prey-remix-batch32",
        0,
    ),
    "smac-sim-2s3z-remix": Recipe(
        "SMAC's map 2s3z in our simulator, which is not StarCraft II (best return 20)",
        "environments/smac_sim_2s3z",
        "smac-sim-2s3z-remix",
        3,
    ),
}


def command_of(recipe: Recipe) -> list[str]:
    """The command that trains a team."""
    file = f"tuned_examples/{recipe.example}.yaml"
    seed = f"config.seed={recipe.seed}"
    return ["rllib", "train", "file", file, "--only", recipe.experiment, "--set", seed]


def trained(recipe: Recipe, storage: Path) -> Path:
    """Trains; returns the folder of the trial."""
    words = [*command_of(recipe)[1:], "--storage-path", str(storage), "--ray-num-cpus", "1"]
    subprocess.run([sys.executable, "-m", "rllib_remix.cli", *words], cwd=ROOT, check=True)
    (trial,) = read_runs([storage])
    return trial.folder


def write(name: str, recipe: Recipe, run: Path) -> None:
    """Replaces a team of the package by what a run has trained."""
    folder = TEAMS / name
    if folder.exists():
        shutil.rmtree(folder)
    export(run, folder, acting_only=True)
    returns = np.array(evaluate(folder, episodes=EPISODES)["episodes"]["returns"])
    (trial,) = read_runs([run])
    entry = {
        "text": recipe.text,
        "command": shlex.join(command_of(recipe)),
        "env_steps": int(trial.env_steps[-1]),
        "episodes": EPISODES,
        "mean": round(float(returns.mean()), 4),
        "deviation": round(float(returns.std(ddof=1)), 4),
    }
    (folder / ENTRY).write_text(f"{json.dumps(entry, indent=1)}\n", encoding="utf-8")
    print(name, entry, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*RECIPES, []], metavar="NAME")
    parser.add_argument("--runs", type=Path, help="folder of runs, in folders called as the teams")
    options = parser.parse_args()
    for name in options.names or RECIPES:
        recipe = RECIPES[name]
        if options.runs is not None and (options.runs / name).is_dir():
            write(name, recipe, options.runs / name)
            continue
        with tempfile.TemporaryDirectory() as storage:
            write(name, recipe, trained(recipe, Path(storage)))


if __name__ == "__main__":
    main()
