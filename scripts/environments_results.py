#!/usr/bin/env python
"""What teams learned on the games of tuned_examples/environments, beside random play.

Usage:
  .venv/bin/python scripts/environments_results.py random    plays 1,000 random episodes of each; writes docs/results/random_play.json
  .venv/bin/python scripts/environments_results.py table     prints the table of docs/results.md
  .venv/bin/python scripts/environments_results.py figure    draws docs/results/environments.png

Table and figure read docs/results/environments.json, which collect_results.py writes with --evaluated. ± and bands are halves
of the 95 % confidence interval of the mean over seeds, by Student's t.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import matplotlib.ticker
import numpy as np
import yaml

from rllib_remix.playing.environments import RandomTeam
from rllib_remix.playing.episodes import play
from rllib_remix.reporting.curves import COLOURS
from rllib_remix.reporting.pictures import new_figure, save
from rllib_remix.reporting.statistics import common_steps, confidence_half_width, final_value, standard_error
from rllib_remix.rollout.building import build_team_env

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
EXAMPLES = ROOT / "tuned_examples" / "environments"
GAMES = {  # file of examples: how the game is called
    "simple_spread": "mpe2 simple_spread",
    "simple_speaker_listener": "mpe2 simple_speaker_listener",
    "foraging_coop": "Foraging-8x8-2p-2f-coop",
    "foraging": "Foraging-10x10-3p-3f",
    "rware": "rware-tiny-4ag",
    "smac_sim_2s3z": "smac_sim 2s3z",
    "two_step_game": "RLlib's TwoStepGame",
}
ALGORITHMS = ("QMIX", "VDN", "IQL", "ReMIX")
COPIES, RANDOM_EPISODES = 8, 1000
LEAST_SEEDS = 3  # of a curve that is drawn


def experiments_of(game: str) -> dict[str, dict[str, Any]]:
    """The experiments of a file of examples, by the algorithm that each runs."""
    read = yaml.safe_load((EXAMPLES / f"{game}.yaml").read_text(encoding="utf-8"))
    return {experiment["run"]: {"name": name, **experiment} for name, experiment in read.items()}


def random_returns(game: str) -> list[float]:
    """Returns of random available actions, one an episode."""
    experiment = experiments_of(game)["QMIX"]
    env = build_team_env(experiment["env"], experiment["config"].get("env_config", {}), COPIES)
    returns = play(RandomTeam(seed=0), env, RANDOM_EPISODES, seed=0).returns
    env.close()
    return returns


def play_random() -> None:
    """Writes the mean and the standard error of random play on every game."""
    found = {}
    for game in GAMES:
        returns = random_returns(game)
        found[game] = {
            "episodes": len(returns),
            "mean": round(float(np.mean(returns)), 3),
            "standard_error": round(standard_error(returns), 3),
        }
        print(game, found[game], flush=True)
    (RESULTS / "random_play.json").write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")


def curves_of(trials: list[dict[str, Any]], experiment: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """(env steps, greedy return) of every seed of an experiment."""
    ours = sorted(
        (each for each in trials if each["experiment"] == experiment), key=lambda each: each["seed"]
    )
    return [(np.array(each["env_steps"]), np.array(each["greedy_return"], float)) for each in ours]


def table(trials: list[dict[str, Any]], random: dict[str, Any]) -> str:
    """A line a game: the mean over seeds of the mean of the last five evaluations."""
    lines = [
        f"| game | env steps | random | {' | '.join(ALGORITHMS)} |",
        f"|---|---|---|{'---|' * len(ALGORITHMS)}",
    ]
    for game, title in GAMES.items():
        experiments, cells = experiments_of(game), []
        for algorithm in ALGORITHMS:
            finals = [final_value(values) for _, values in curves_of(trials, experiments[algorithm]["name"])]
            width = confidence_half_width(finals)
            cells.append(f"{np.mean(finals):.2f} ± {width:.2f} ({len(finals)})" if finals else "–")
        steps = experiments["QMIX"]["stop"]["num_env_steps_sampled_lifetime"]
        lines.append(f"| {title} | {steps:,} | {random[game]['mean']:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def figure(trials: list[dict[str, Any]], random: dict[str, Any], out: Path) -> None:
    """A panel a game that some algorithm has learned with three seeds or more: mean, interval, random play as a dotted line."""
    curves = {
        game: {name: curves_of(trials, experiments_of(game)[name]["name"]) for name in ALGORITHMS}
        for game in GAMES
    }
    shown = [game for game in GAMES if any(len(each) >= LEAST_SEEDS for each in curves[game].values())]
    rows = -(-len(shown) // 2)
    picture = new_figure(10.0, 2.75 * rows)
    grid = picture.subplots(rows, 2, squeeze=False).ravel()
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes, game in zip(grid, shown, strict=False):
        for colour, algorithm in zip(COLOURS, ALGORITHMS, strict=False):
            if len(seeds := curves[game][algorithm]) >= LEAST_SEEDS:
                _draw(axes, seeds, colour, f"{algorithm} ({len(seeds)} seeds)")
        axes.axhline(random[game]["mean"], color="0.4", linestyle=":", linewidth=1, label="random play")
        axes.set_title(GAMES[game])
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep=""))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(framealpha=0.9, edgecolor="none", fontsize=8)
    picture.supxlabel("Environment steps")
    picture.supylabel("Greedy episode return: mean over seeds, 95 % confidence interval")
    save(picture, out)


def _draw(axes: Any, curves: list[tuple[np.ndarray, np.ndarray]], colour: str, label: str) -> None:
    steps = common_steps(curves)
    values = np.stack([np.interp(steps, *curve) for curve in curves])
    mean, width = values.mean(axis=0), np.array([confidence_half_width(column) for column in values.T])
    axes.fill_between(steps, mean - width, mean + width, color=colour, alpha=0.15, linewidth=0)
    axes.plot(steps, mean, color=colour, linewidth=1.5, label=label)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("random", "table", "figure"))
    what = parser.parse_args().what
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    if what == "random":
        play_random()
        return
    trials = json.loads((RESULTS / "environments.json").read_text(encoding="utf-8"))
    random = json.loads((RESULTS / "random_play.json").read_text(encoding="utf-8"))
    if what == "table":
        print(table(trials, random))
    else:
        figure(trials, random, RESULTS / "environments.png")


if __name__ == "__main__":
    main()
