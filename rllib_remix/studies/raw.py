"""The raw results of a study: every evaluation of every run, as one small file that figures and tables are made of."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.errors import UserError, shown
from rllib_remix.files.durable import write_whole
from rllib_remix.files.text_files import read_text
from rllib_remix.reporting.result_file import read_results
from rllib_remix.reporting.runs import RESULT_FILE
from rllib_remix.studies.cells import Cell
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

    @property
    def is_finished(self) -> bool:
        """Whether it made all its env steps."""
        return self.made >= self.goal


def collected(study: Study, cells: Sequence[Cell], storage: Path) -> list[Run]:
    """The runs of these cells that have evaluated at least once.

    Raises:
        RunError: results of a run are damaged.
    """
    runs = []
    for cell in cells:
        trial = trial_of(cell, storage)
        if trial is None:
            continue
        steps, values = trial.curve(study.metric)
        if len(steps):
            *_, last = read_results(trial.folder / RESULT_FILE)
            seconds = float(last.get("time_total_s", 0.0))
            runs.append(
                Run(
                    cell.panel,
                    cell.algorithm,
                    cell.seed,
                    steps,
                    values,
                    seconds,
                    int(trial.env_steps[-1]),
                    cell.env_steps,
                )
            )
    return runs


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
        "env_steps": [int(step) for step in run.steps],
        "values": [round(float(value), _DIGITS) for value in run.values],
    }


def read_raw(file: Path, study: Study) -> tuple[str, list[Run]]:
    """The budget and the runs in a file that `write_raw` wrote of a study.

    Raises:
        UserError: it is none, or of another study, or has runs that the study does not have.
    """
    try:
        content = json.loads(read_text(file, what="raw results"))
        runs = [_run(each) for each in content["runs"]]
        name, budget = str(content["study"]), str(content["budget"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"raw results {shown(str(file))}: cannot be read ({type(error).__name__}: {error}); it must be what "
            "`rllib reproduce report` wrote."
        ) from None
    if name != study.name:
        raise UserError(
            f"raw results {shown(str(file))} are of the study {shown(name)}, not of {study.name!r}."
        )
    for run in runs:
        if run.panel not in study.panels or run.algorithm not in study.algorithms:
            raise UserError(
                f"raw results {shown(str(file))} have runs of {shown(run.algorithm)} on {shown(run.panel)}, which the study "
                f"{study.name!r} does not have."
            )
    return budget, runs


def _run(spec: Mapping[str, Any]) -> Run:
    steps, values = (np.array(spec[name], float) for name in ("env_steps", "values"))
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
