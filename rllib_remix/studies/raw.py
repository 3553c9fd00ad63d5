"""The raw results of a study: every evaluation of every run, as one small file that figures and tables are made of."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rllib_remix.errors import UserError, shown
from rllib_remix.files.durable import write_whole
from rllib_remix.files.text_files import read_text
from rllib_remix.reporting.result_file import read_results
from rllib_remix.reporting.runs import RESULT_FILE
from rllib_remix.studies.cells import MAX_SEEDS, Cell, cells_of
from rllib_remix.studies.store import trial_of
from rllib_remix.studies.study import Study

_DIGITS = 4


@dataclass(frozen=True)
class Run:
    """One run of a study; E evaluations."""

    panel: str
    algorithm: str
    seed: int
    steps: np.ndarray  # [E] float64, env steps
    values: np.ndarray  # [E] float64, of the study's metric
    seconds: float  # wall time that it took
    made: int  # env steps that it has made
    goal: int  # that it is to make
    settings: str  # fingerprint, of `Cell.settings`; empty if it is not known

    @property
    def identity(self) -> tuple[str, str, int, str]:
        """What it shares with a run that would be the same."""
        return self.panel, self.algorithm, self.seed, self.settings

    @property
    def is_finished(self) -> bool:
        """Whether it made all its env steps."""
        return self.made >= self.goal


def collected(study: Study, cells: Sequence[Cell], storage: Path, brought: Sequence[Run] = ()) -> list[Run]:
    """The runs of these cells that have evaluated at least once; of two of one cell the one that went further.

    Args:
        storage: of `storage_of`, with the runs' folders.
        brought: of `brought_runs`.

    Raises:
        RunError: results of a run are damaged.
    """
    runs = []
    for cell in cells:
        identity = cell.identity
        found = [run for run in brought if run.identity == identity]
        if (here := _read(study, cell, storage)) is not None:
            found.insert(0, here)
        if found:
            runs.append(max(found, key=lambda run: run.made))
    return runs


def _read(study: Study, cell: Cell, storage: Path) -> Run | None:
    trial = trial_of(cell, storage)
    if trial is None:
        return None
    steps, values = trial.curve(study.metric)
    if not len(steps):
        return None
    *_, last = read_results(trial.folder / RESULT_FILE)
    seconds, made = float(last.get("time_total_s", 0.0)), int(trial.env_steps[-1])
    return Run(
        cell.panel, cell.algorithm, cell.seed, steps, values, seconds, made, cell.env_steps, cell.settings
    )


def write_raw(file: Path, study: Study, budget: str, runs: Sequence[Run]) -> None:
    """Writes the runs as JSON, one a line, with what made them."""
    from importlib import metadata

    from rllib_remix import __version__

    about = {
        "study": study.name,
        "budget": budget,
        "metric": study.metric,
        "command": f"rllib reproduce run {study.name} --budget {budget}",
        "versions": {
            "rllib_remix": __version__,
            **{name: metadata.version(name) for name in ("ray", "torch", "numpy")},
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
    }
    lines = ",\n".join(json.dumps(_as_json(run), ensure_ascii=False) for run in runs)
    text = f'{json.dumps(about, ensure_ascii=False)[:-1]}, "runs": [\n{lines}\n]}}\n'
    write_whole(file, text.encode())


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "panel": run.panel,
        "algorithm": run.algorithm,
        "seed": run.seed,
        "seconds": round(run.seconds, 1),
        "made": run.made,
        "goal": run.goal,
        "settings": run.settings,
        "env_steps": [int(step) for step in run.steps],
        "values": [round(float(value), _DIGITS) for value in run.values],
    }


class RawResults(NamedTuple):
    """What a file of raw results holds."""

    study: str
    budget: str
    metric: str
    runs: list[Run]


def read_raw(file: Path) -> RawResults:
    """What a file holds that `write_raw` wrote.

    Raises:
        UserError: it is no such file.
    """
    try:
        content = json.loads(read_text(file, what="raw results"))
        runs = [_run(each) for each in content["runs"]]
        name, budget, metric = (str(content[key]) for key in ("study", "budget", "metric"))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"raw results {shown(str(file))}: cannot be read ({type(error).__name__}: {error}); it must be what "
            "`rllib reproduce report` wrote."
        ) from None
    return RawResults(name, budget, metric, runs)


def brought_runs(
    files: Sequence[Path], study: Study, budget: str, warn: Callable[[str], object]
) -> list[Run]:
    """The runs in raw results that were made with the settings of a run of this study; `warn` is told of others.

    A run of another study counts too, under the names that its settings have in this one.

    Raises:
        UserError: a file is no raw results, or of another metric, or of another study or budget and without such a run.
    """
    return [run for file in files for run in _brought(file, study, budget, warn)]


def _brought(file: Path, study: Study, budget: str, warn: Callable[[str], object]) -> list[Run]:
    there = read_raw(file)
    if there.metric != study.metric:
        raise UserError(
            f"raw results {shown(str(file))} are of the metric {shown(there.metric)}; that of the study {study.name!r} is "
            f"{study.metric!r}."
        )
    alike: dict[str, list[Cell]] = {}
    for cell in cells_of(study, budget, seeds=1 + max((run.seed for run in there.runs), default=0)):
        alike.setdefault(cell.settings, []).append(cell)
    counted = [run for run in there.runs if run.settings in alike]
    if (there.study, there.budget) == (study.name, budget):
        unknown = sum(not run.settings for run in there.runs)
        if others := len(there.runs) - len(counted) - unknown:
            warn(
                f"{file}: {others} of {len(there.runs)} runs were made with other settings and do not count."
            )
        if unknown:
            warn(
                f"{file}: {unknown} of {len(there.runs)} runs do not say with which settings and do not count."
            )
    elif not counted:
        raise UserError(
            f"raw results {shown(str(file))} are of the study {shown(there.study)}, budget {shown(there.budget)}; none of the runs has "
            f"the settings of one of {study.name!r}, budget {budget!r}. Leave them out, or give another --budget."
        )
    else:
        warn(
            f"{file}: {len(counted)} of {len(there.runs)} runs of the study {there.study} are runs of this one too."
        )
    return [
        replace(run, panel=cell.panel, algorithm=cell.algorithm, goal=cell.env_steps)
        for run in counted
        for cell in _same(run, alike[run.settings])
    ]


def _same(run: Run, alike: Sequence[Cell]) -> Sequence[Cell]:
    """Of those with the run's settings the one of its names alone, if there is one, else all."""
    named = run.panel, run.algorithm
    return [cell for cell in alike if (cell.panel, cell.algorithm) == named] or alike


def _run(spec: Mapping[str, Any]) -> Run:
    steps, values = (np.array(spec[name], float) for name in ("env_steps", "values"))
    if not 0 <= int(spec["seed"]) < MAX_SEEDS:
        raise ValueError(f"seed {spec['seed']} is not one of 0 to {MAX_SEEDS - 1}")
    if steps.shape != values.shape or steps.ndim != 1 or not len(steps):
        raise ValueError("env_steps and values are not two lists of one length")
    return Run(
        str(spec["panel"]),
        str(spec["algorithm"]),
        int(spec["seed"]),
        steps,
        values,
        float(spec["seconds"]),
        int(spec["made"]),
        int(spec["goal"]),
        str(spec.get("settings", "")),
    )


def marl_eval_layout(study: Study, runs: Sequence[Run]) -> dict[str, Any]:
    """The runs in the nested layout that marl-eval reads: environment, task, algorithm, run, step (Gorsane et al. 2022)."""
    nested: dict[str, Any] = {}
    for run in runs:
        environment = study.panels[run.panel].env
        steps: dict[str, Any] = {
            f"step_{index}": {"step_count": int(step), study.metric: [float(value)]}
            for index, (step, value) in enumerate(zip(run.steps, run.values, strict=True))
        }
        steps["absolute_metrics"] = {study.metric: [float(run.values[-1])]}
        of_task = nested.setdefault(environment, {}).setdefault(run.panel, {})
        of_task.setdefault(run.algorithm, {})[f"seed_{run.seed}"] = steps
    return nested
