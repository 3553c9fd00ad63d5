"""Finished (or running) trials, read from the result.json that Tune writes into every trial's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.reporting.weight_histogram import histogram_edges

RESULT_FILE = "result.json"
ENV_STEPS = ("num_env_steps_sampled_lifetime",)
TRAINING_RETURN = ("env_runners", "episode_return_mean")
GREEDY_RETURN = ("evaluation", "env_runners", "episode_return_mean")
GREEDY_WINS = ("evaluation", "env_runners", "battle_won_mean")
ITERATION_STEPS = ("env_runners", "num_env_steps_sampled")
WEIGHT_HISTOGRAM = ("learners", "default_policy", "weight_histogram")


class RunError(ValueError):
    """A folder that holds no readable run, or runs that cannot be drawn."""


@dataclass
class Trial:
    """One trial's results; T is the number of its iterations, NaN marks what an iteration did not report.

    The K bins of `weight_counts` have a column before them for the weights below the first edge and one behind
    them for those from the last edge on. A bin holds its lower edge.
    """

    folder: Path
    algorithm: str
    environment: str
    seed: int | None
    settings: dict[str, Any]  # what the user set, nested keys joined with slashes
    env_steps: np.ndarray  # [T] float64, environment steps so far
    first_step: float  # environment steps before the first iteration, 0 unless restored from a checkpoint
    training_return: np.ndarray  # [T] float64
    greedy_return: np.ndarray  # [T] float64
    greedy_wins: np.ndarray  # [T] float64, share of won battles; NaN in games without
    weight_edges: np.ndarray | None  # [K+1] float64, ascending; None if the config names no bins
    weight_counts: (
        np.ndarray | None
    )  # [T, K+2] float64; None if no iteration reports a histogram of loss weights

    def curve(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of the iterations that report `metric` ("greedy", "training" or "wins")."""
        curves = {
            "greedy": self.greedy_return,
            "training": self.training_return,
            "wins": self.greedy_wins,
        }
        values = curves[metric]
        known = ~(np.isnan(values) | np.isnan(self.env_steps))
        return self.env_steps[known], values[known]


def read_runs(paths: Iterable[Path]) -> list[Trial]:
    """All trials under the given experiment or trial folders, each once, sorted by folder.

    Raises:
        RunError: if a folder does not exist or holds no results, or a result cannot be read.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        for folder in trial_folders(path):
            folders[folder] = None
    return [read_trial(folder) for folder in folders]


def trial_folders(path: Path) -> list[Path]:
    """The trial folders at or below `path`.

    Raises:
        RunError: if there are none.
    """
    path = path.expanduser().resolve()
    if not path.exists():
        raise RunError(f"run {str(path)!r} does not exist.")
    if not path.is_dir():
        raise RunError(f"run {str(path)!r} is a file; give its folder.")
    found = sorted(file.parent for file in path.rglob(RESULT_FILE) if file.stat().st_size > 0)
    if not found:
        raise RunError(f"run {str(path)!r} holds no results (no {RESULT_FILE} with content below it).")
    return found


def read_trial(folder: Path) -> Trial:
    """The trial in `folder`.

    Raises:
        RunError: if its results are damaged; an unfinished last line, as a killed run leaves it, is left out.
    """
    results = _read_results(folder / RESULT_FILE)
    config = results[-1].get("config") or {}
    environment = str(config.get("env"))
    settings = _read_settings(folder / "params.json")
    weight_edges = _weight_edges(config)
    return Trial(
        folder=folder,
        algorithm=_algorithm_of(folder.name, environment),
        environment=environment,
        seed=config.get("seed"),
        settings=settings,
        env_steps=_column(results, ENV_STEPS),
        first_step=_first_step(results[0]),
        training_return=_column(results, TRAINING_RETURN),
        greedy_return=_column(results, GREEDY_RETURN),
        greedy_wins=_column(results, GREEDY_WINS),
        weight_edges=weight_edges,
        weight_counts=None if weight_edges is None else _weight_counts(results, len(weight_edges) + 1),
    )


def _read_results(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    results = []
    for number, line in enumerate(lines, start=1):
        try:
            result = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines) and results:
                break
            raise RunError(f"{file}, line {number}: damaged result ({error.msg}).") from None
        if not isinstance(result, dict):
            raise RunError(f"{file}, line {number}: damaged result (no JSON object).")
        results.append(result)
    return results


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        return _flatten(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, AttributeError):
        return {}


def _flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= (
            _flatten(value, f"{prefix}{key}/") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
        )
    return flat


def _algorithm_of(folder_name: str, environment: str) -> str:
    """Tune names a trial's folder <algorithm>_<environment>_<id>_…; the environment may have underscores too."""
    algorithm, found, _ = folder_name.partition(f"_{environment.replace('/', '_')}_")
    return algorithm if found else folder_name.split("_")[0]


def _column(results: list[dict[str, Any]], path: tuple[str, ...]) -> np.ndarray:
    return np.array([_number_at(result, path) for result in results], dtype=float)


def _first_step(first_result: Mapping[str, Any]) -> float:
    steps = _number_at(first_result, ENV_STEPS) - _number_at(first_result, ITERATION_STEPS)
    return 0.0 if math.isnan(steps) else max(0.0, steps)


def _number_at(result: Mapping[str, Any], path: tuple[str, ...]) -> float:
    value = _value_at(result, path)
    return float(value) if isinstance(value, (int, float)) else math.nan


def _value_at(result: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = result
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _weight_edges(config: Mapping[str, Any]) -> np.ndarray | None:
    limits, bins = config.get("weight_histogram_range"), config.get("weight_histogram_bins")
    if not limits or not bins:
        return None
    low, high = limits
    return histogram_edges(low, high, bins).astype(float)


def _weight_counts(results: list[dict[str, Any]], columns: int) -> np.ndarray | None:
    """[T, columns] float64, a row of NaN for what is no list of as many numbers; None if no row is one."""
    counts = np.full((len(results), columns), math.nan)
    for row, result in zip(counts, results, strict=True):
        histogram = _value_at(result, WEIGHT_HISTOGRAM)
        if isinstance(histogram, list) and len(histogram) == columns:
            row[:] = [count if isinstance(count, (int, float)) else math.nan for count in histogram]
    return None if np.isnan(counts).all() else counts
