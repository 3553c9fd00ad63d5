#!/usr/bin/env python
"""Puts the curves of finished runs into one small JSON file, to be kept beside the figures that it backs.

Usage: .venv/bin/python scripts/collect_results.py RUN… --out docs/results/NAME.json [--histograms] [--evaluated]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.reporting.runs import RESULT_FILE, Trial, read_runs


def compact(trial: Trial, *, histograms: bool, evaluated: bool) -> dict[str, Any]:
    """What a trial was, and its curves at 4 digits; null marks what an iteration did not report."""
    kept_rows = ~np.isnan(trial.greedy_return) if evaluated else np.full(len(trial.env_steps), True)
    last = json.loads((trial.folder / RESULT_FILE).read_text().splitlines()[-1])
    kept: dict[str, Any] = {
        "experiment": trial.folder.parent.name,
        "algorithm": trial.algorithm,
        "environment": trial.environment,
        "seed": trial.seed,
        "settings": trial.settings,
        "seconds": round(last["time_total_s"], 1),
        "env_steps": [int(steps) for steps in trial.env_steps[kept_rows]],
        "training_return": _rounded(trial.training_return[kept_rows]),
        "greedy_return": _rounded(trial.greedy_return[kept_rows]),
    }
    if not np.isnan(trial.greedy_wins).all():
        kept["greedy_wins"] = _rounded(trial.greedy_wins[kept_rows])
    if histograms and trial.weight_counts is not None and trial.weight_edges is not None:
        kept["weight_edges"] = [float(f"{edge:.6g}") for edge in trial.weight_edges]
        kept["weight_counts"] = trial.weight_counts[kept_rows].astype(int).tolist()
    return kept


def _rounded(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 4) for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="experiment or trial folders")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--histograms", action="store_true", help="keep the histograms of weights too")
    parser.add_argument("--evaluated", action="store_true", help="keep the iterations that evaluated alone")
    arguments = parser.parse_args()
    kept = [
        compact(trial, histograms=arguments.histograms, evaluated=arguments.evaluated)
        for trial in read_runs(arguments.runs)
    ]
    lines = ",\n".join(map(json.dumps, kept))
    arguments.out.write_text(f"[\n{lines}\n]\n")
    print(f"Written: {arguments.out}")


if __name__ == "__main__":
    main()
