#!/usr/bin/env python
"""Prints the table of experiments of a file that collect_results.py wrote, a line per experiment.

Usage: .venv/bin/python scripts/results_table.py docs/results/NAME.json [--passes 10]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.reporting.statistics import confidence_half_width, final_value


def row(experiment: str, trials: list[dict[str, Any]], passes: float) -> str:
    """Greedy return of every seed (mean of the last five evaluations), and when each first reaches `passes`.

    ± is half of the 95 % confidence interval of the mean over seeds.
    """
    trials = sorted(trials, key=lambda trial: trial["seed"])
    returns = [np.array(trial["greedy_return"], dtype=float) for trial in trials]
    finals = [final_value(values) for values in returns]
    reached = [
        next(
            (steps for steps, value in zip(trial["env_steps"], values, strict=True) if value >= passes), None
        )
        for trial, values in zip(trials, returns, strict=True)
    ]
    first = ", ".join("–" if steps is None else f"{steps / 1000:.0f}k" for steps in reached)
    seeds = ", ".join(f"{value:.1f}" for value in finals)
    mean = f"{np.mean(finals):.1f} ± {confidence_half_width(finals):.1f}"
    return f"| {experiment} | {seeds} | {mean} | {min(finals):.1f} | {first} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--passes", type=float, default=10.0, help="greedy return whose first time is shown")
    arguments = parser.parse_args()
    experiments: dict[str, list[dict[str, Any]]] = {}
    for trial in json.loads(arguments.file.read_text()):
        experiments.setdefault(trial["experiment"], []).append(trial)
    print(
        f"| experiment | greedy return by seed | mean ± | least | env steps to {arguments.passes:g}, by seed |"
    )
    print("|---|---|---|---|---|")
    for experiment, trials in experiments.items():
        print(row(experiment, trials, arguments.passes))


if __name__ == "__main__":
    main()
