"""What the runs of a study left in their folders: which are finished, which can go on, which began otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_remix.experiments.plan import PLAN_FILE
from rllib_remix.files.durable import write_whole
from rllib_remix.reporting.result_file import RunError, read_object
from rllib_remix.reporting.runs import Trial, read_runs
from rllib_remix.studies.cells import SETTINGS_FILE, Cell


def storage_of(root: Path, study: str, budget: str) -> Path:
    """The folder of a study's runs, absolute."""
    return root.expanduser().absolute() / study / budget


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


def note_settings(cell: Cell, storage: Path) -> None:
    """Writes a cell's settings beside its run, so that later ones can be compared with them."""
    folder = storage / cell.folder
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(cell.experiment, indent=1, default=repr, ensure_ascii=False)
    write_whole(folder / SETTINGS_FILE, content.encode())


def began_otherwise(cell: Cell, storage: Path) -> list[str]:
    """What has changed since the same panel, algorithm and seed ran last with other settings; empty if it never did."""
    others = [
        folder
        for folder in storage.glob(f"{cell.place}_*")
        if folder.name != cell.folder and (folder / SETTINGS_FILE).is_file()
    ]
    if not others:
        return []
    newest = max(others, key=lambda folder: (folder / SETTINGS_FILE).stat().st_mtime)
    before, now = (
        _flat(read_object(newest / SETTINGS_FILE)),
        _flat(json.loads(json.dumps(cell.experiment, default=repr))),
    )
    return [
        f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
