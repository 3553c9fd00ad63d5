"""Finished (or running) trials, read from the result.json that Tune writes into every trial's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RESULT_FILE = "result.json"
ENV_STEPS = ("num_env_steps_sampled_lifetime",)
TRAINING_RETURN = ("env_runners", "episode_return_mean")
GREEDY_RETURN = ("evaluation", "env_runners", "episode_return_mean")


class RunError(ValueError):
    """A folder that holds no readable run, or runs that cannot be drawn."""


@dataclass
class Trial:
    """One trial's results; T is the number of its iterations, NaN marks what an iteration did not report."""

    folder: Path
    algorithm: str
    environment: str
    seed: int | None
    settings: dict[str, Any]  # what the user set, nested keys joined with slashes
    env_steps: np.ndarray  # [T] float64, environment steps so far
    training_return: np.ndarray  # [T] float64
    greedy_return: np.ndarray  # [T] float64

    def curve(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, returns) of the iterations that report `metric` ("greedy" or "training")."""
        values = self.greedy_return if metric == "greedy" else self.training_return
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
    return Trial(
        folder=folder,
        algorithm=_algorithm_of(folder.name, environment),
        environment=environment,
        seed=config.get("seed"),
        settings=settings,
        env_steps=_column(results, ENV_STEPS),
        training_return=_column(results, TRAINING_RETURN),
        greedy_return=_column(results, GREEDY_RETURN),
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


def _number_at(result: Mapping[str, Any], path: tuple[str, ...]) -> float:
    value: Any = result
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return math.nan
        value = value[key]
    return float(value) if isinstance(value, (int, float)) else math.nan
