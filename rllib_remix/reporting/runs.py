"""Finished (or running) trials, read from the result.json that Tune writes into every trial's folder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rllib_remix.errors import shown
from rllib_remix.reporting.result_file import RunError, is_file_with_content, read_object, read_results
from rllib_remix.reporting.weight_histogram import histogram_edges

RESULT_FILE = "result.json"
ENV_STEPS = ("num_env_steps_sampled_lifetime",)
TRAINING_RETURN = ("env_runners", "episode_return_mean")
GREEDY_RETURN = ("evaluation", "env_runners", "episode_return_mean")
GREEDY_WINS = ("evaluation", "env_runners", "battle_won_mean")
ITERATION_STEPS = ("env_runners", "num_env_steps_sampled")
WEIGHT_HISTOGRAM = ("learners", "default_policy", "weight_histogram")
MAX_BINS = 10_000  # of a histogram of weights
MAX_NUMBER = 1e15  # beyond it nothing that is drawn here can be
MIN_WEIGHT = 1e-30  # of a histogram's bins, which are float32
MAX_NAME = 80  # characters of a name that is shown
MAX_DEPTH = 20  # of settings in settings


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
    try:
        path = path.expanduser().resolve()
        if not path.exists():
            raise RunError(f"run {shown(str(path))} does not exist.")
        if not path.is_dir():
            raise RunError(f"run {shown(str(path))} is a file; give its folder.")
        found = sorted(file.parent for file in path.rglob(RESULT_FILE) if is_file_with_content(file))
    # NUL in a name, an unknown user, a ring of links, a name that is too long, a folder that may not be read.
    except (OSError, ValueError, RuntimeError) as error:
        raise RunError(
            f"run {shown(str(path))} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from None
    if not found:
        raise RunError(f"run {shown(str(path))} holds no results (no {RESULT_FILE} with content below it).")
    return found


class _Row(NamedTuple):
    """What is kept of one result."""

    env_steps: float
    training_return: float
    greedy_return: float
    greedy_wins: float
    weight_counts: list[Any] | None


def read_trial(folder: Path) -> Trial:
    """The trial in `folder`.

    Raises:
        RunError: if its results are damaged; an unfinished last line, as a killed run leaves it, is left out.
    """
    rows: list[_Row] = []
    first_step, config = math.nan, {}
    for result in read_results(folder / RESULT_FILE):
        if not rows:
            first_step = _first_step(result)
        rows.append(_row(result))
        config = result.get("config")
    config = config if isinstance(config, dict) else {}
    environment, seed = name_of(config.get("env")), config.get("seed")
    weight_edges = _weight_edges(config)
    return Trial(
        folder=folder,
        algorithm=_algorithm_of(folder.name, environment),
        environment=environment,
        seed=seed if isinstance(seed, int) else None,
        settings=_flatten(read_object(folder / "params.json")),
        env_steps=np.array([row.env_steps for row in rows], float),
        first_step=first_step,
        training_return=np.array([row.training_return for row in rows], float),
        greedy_return=np.array([row.greedy_return for row in rows], float),
        greedy_wins=np.array([row.greedy_wins for row in rows], float),
        weight_edges=weight_edges,
        weight_counts=None if weight_edges is None else _weight_counts(rows, len(weight_edges) + 1),
    )


def name_of(value: object) -> str:
    """A name or a value from a file as it may stand on a screen and in a picture: printable, one line, not too long."""
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value)
    )
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"


def _row(result: Mapping[str, Any]) -> _Row:
    counts = _value_at(result, WEIGHT_HISTOGRAM)
    evaluated = _is_evaluated(result)
    return _Row(
        _number_at(result, ENV_STEPS),
        _number_at(result, TRAINING_RETURN),
        _number_at(result, GREEDY_RETURN) if evaluated else math.nan,
        _number_at(result, GREEDY_WINS) if evaluated else math.nan,
        counts if isinstance(counts, list) and len(counts) <= MAX_BINS + 2 else None,
    )


def _is_evaluated(result: Mapping[str, Any]) -> bool:
    """Whether an iteration played evaluation episodes: RLlib repeats the newest evaluation until the next one."""
    interval = _value_at(result, ("config", "evaluation_interval"))
    iteration = result.get("training_iteration")
    return not (
        isinstance(interval, int) and isinstance(iteration, int) and interval > 1 and iteration % interval
    )


def _flatten(nested: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            flat |= _flatten(value, f"{prefix}{key}/", depth + 1)
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _algorithm_of(folder_name: str, environment: str) -> str:
    """Tune names a trial's folder <algorithm>_<environment>_<id>_…; the environment may have underscores too."""
    algorithm, found, _ = folder_name.partition(f"_{environment.replace('/', '_')}_")
    return name_of(algorithm if found else folder_name.split("_")[0])


def _first_step(first_result: Mapping[str, Any]) -> float:
    steps = _number_at(first_result, ENV_STEPS) - _number_at(first_result, ITERATION_STEPS)
    return 0.0 if math.isnan(steps) else max(0.0, steps)


def _number_at(result: Mapping[str, Any], path: tuple[str, ...]) -> float:
    return _number(_value_at(result, path))


def _number(value: Any) -> float:
    """NaN for what is no number that can be drawn: text, true, infinity, an integer beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if -MAX_NUMBER <= value <= MAX_NUMBER else math.nan


def _value_at(result: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = result
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _weight_edges(config: Mapping[str, Any]) -> np.ndarray | None:
    """[bins + 1] float64, None if the config does not say bins that can be."""
    limits, bins = config.get("weight_histogram_range"), config.get("weight_histogram_bins")
    if not isinstance(limits, list) or len(limits) != 2:
        return None
    low, high = map(_number, limits)
    if isinstance(bins, bool) or not isinstance(bins, int) or not 1 <= bins <= MAX_BINS:
        return None
    if not (MIN_WEIGHT <= low < high <= 1 / MIN_WEIGHT):  # not so for NaN
        return None
    edges = histogram_edges(low, high, bins).astype(float)
    return edges if (np.diff(edges) > 0).all() else None


def _weight_counts(rows: list[_Row], columns: int) -> np.ndarray | None:
    """[T, columns] float64, a row of NaN for what is no list of as many counts; None if no row is one."""
    counts = np.full((len(rows), columns), math.nan)
    for kept, row in zip(counts, rows, strict=True):
        if row.weight_counts is not None and len(row.weight_counts) == columns:
            numbers = np.array([_number(count) for count in row.weight_counts])
            kept[:] = np.where(numbers < 0, math.nan, numbers)
    return None if np.isnan(counts).all() else counts
