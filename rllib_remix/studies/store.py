"""What the runs of a study left in their folders: which are finished, which can go on, which began otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_remix.errors import shown
from rllib_remix.experiments.checking import check_experiments
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.plan import PLAN_FILE, read_plan
from rllib_remix.reporting.result_file import RunError
from rllib_remix.reporting.runs import Trial, read_runs
from rllib_remix.studies.cells import Cell, budget_of
from rllib_remix.studies.study import Study


def storage_of(root: Path, study: str, budget: str) -> Path:
    """The folder of a study's runs, absolute."""
    return root.expanduser().absolute() / study / budget


def seeds_begun(study: Study, budget: str, storage: Path) -> int:
    """How many seeds the runs of a study go up to; at least as many as its budget has."""
    numbers = [
        int(found[1]) for folder in storage.glob("*") if (found := re.search(r"_seed(\d+)_", folder.name))
    ]
    return max([budget_of(study, budget).seeds, *(1 + number for number in numbers)])


def trial_of(cell: Cell, storage: Path) -> Trial | None:
    """The run of a cell that went furthest; None if there is none.

    Raises:
        RunError: its results are damaged.
    """
    folder = storage / cell.folder
    if not folder.is_dir():
        return None
    try:
        trials = read_runs([folder])
    except RunError as error:
        if "holds no results" in str(error):
            return None
        raise
    return max(trials, key=lambda trial: float(trial.env_steps[-1]))


def is_finished(cell: Cell, storage: Path) -> bool:
    """Whether a cell's run has made all its env steps."""
    trial = trial_of(cell, storage)
    return trial is not None and float(trial.env_steps[-1]) >= cell.env_steps


def has_begun(cell: Cell, storage: Path) -> bool:
    """Whether there is a run of a cell that `rllib resume` could go on with."""
    return (storage / cell.folder / PLAN_FILE).is_file()


def began_otherwise(cell: Cell, storage: Path) -> list[str]:
    """What has changed since the same panel, algorithm and seed ran last with other settings; empty if it never did.

    Unpickles what that run left.
    """
    others = [
        folder / PLAN_FILE
        for folder in storage.glob(f"{cell.place}_*")
        if folder.name != cell.folder and (folder / PLAN_FILE).is_file()
    ]
    if not others:
        return []
    newest = max(others, key=lambda file: file.stat().st_mtime).parent
    begun = next(each for each in read_plan(newest).experiments if each.name == newest.name)
    now = cell.to_run(storage)
    check_experiments([now])  # fills in what it filled in then
    before, after = _settings(begun), _settings(now)
    return [
        f"{key} was {shown(before.get(key))}, is {shown(after.get(key))}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _settings(experiment: Experiment) -> dict[str, Any]:
    return _flat({"run": experiment.run, "stop": experiment.stop, "config": experiment.config})


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
