"""The runs of a study: one for every panel, algorithm and seed, each an experiment in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_remix.errors import unknown
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.reading.mappings import read_mapping
from rllib_remix.experiments.result_keys import ENV_STEPS
from rllib_remix.studies.study import Budget, Study

MAX_SEEDS = 1000  # of a study


@dataclass(frozen=True)
class Cell:
    """One run of a study."""

    panel: str
    algorithm: str
    seed: int
    experiment: Mapping[str, Any]  # as a YAML file of experiments has it: run, env, stop, config

    @property
    def place(self) -> str:
        """Panel, algorithm and seed, which stay when settings change, as the beginning of a folder's name."""
        return f"{_slug(self.panel)}_{_slug(self.algorithm)}_seed{self.seed}"

    @property
    def folder(self) -> str:
        """The name of the run's folder; other settings have another."""
        return f"{self.place}_{self.settings}"

    @property
    def settings(self) -> str:
        """The fingerprint of all settings of this run."""
        return fingerprint(self.experiment)

    @property
    def identity(self) -> tuple[str, str, int, str]:
        """What a run of this cell has in common with it."""
        return self.panel, self.algorithm, self.seed, self.settings

    @property
    def env_steps(self) -> int:
        return self.experiment["stop"][ENV_STEPS]

    def to_run(self, storage: Path, checkpoint_freq: int = 0) -> Experiment:
        """The experiment of this run, to be checked and trained.

        Args:
            storage: of `storage_of`.
            checkpoint_freq: iterations between checkpoints, of which the newest is kept; 0 is none. One has the replay buffer, which
                may take a GB.
        """
        checkpoints = {
            "checkpoint_frequency": checkpoint_freq,
            "checkpoint_at_end": False,
            "num_to_keep": 1,
        }
        spec = {**self.experiment, "storage_path": str(storage), "checkpoint_config": checkpoints}
        return read_mapping("study", {self.folder: spec})[0]


def cells_of(study: Study, budget: str, *, seeds: int | None = None, only: Sequence[str] = ()) -> list[Cell]:
    """All runs of a study, seed by seed, so that all have some seeds before any has all.

    Args:
        budget: one of the study's.
        seeds: how many, 0, 1, …; None is what the budget has.
        only: names of panels, of algorithms or of both, of which alone the runs are wanted.

    Raises:
        SettingError: a name that the study does not have.
    """
    chosen = budget_of(study, budget)
    for name in only:
        if name not in study.panels and name not in study.algorithms:
            raise unknown("--only", name, [*study.panels, *study.algorithms])
    panels, algorithms = (_wanted(names, only) for names in (study.panels, study.algorithms))
    return [
        Cell(panel, algorithm, seed, _experiment(study, chosen, panel, algorithm, seed))
        for seed in range(chosen.seeds if seeds is None else seeds)
        for panel in panels
        for algorithm in algorithms
    ]


def budget_of(study: Study, name: str) -> Budget:
    """Raises SettingError if the study has no budget of this name."""
    if name not in study.budgets:
        raise unknown("--budget", name, study.budgets)
    return study.budgets[name]


def _wanted(names: Collection[str], only: Sequence[str]) -> list[str]:
    return [name for name in names if name in only] or list(names)


def _experiment(study: Study, budget: Budget, panel: str, algorithm: str, seed: int) -> dict[str, Any]:
    """Settings of the study, over them those of the budget, the panel and the algorithm."""
    task, contender = study.panels[panel], study.algorithms[algorithm]
    config: dict[str, Any] = {}
    for part in (study.config, budget.config, task.config, contender.config):
        config = merged(config, part)
    if task.env_config:
        config["env_config"] = merged(config.get("env_config", {}), task.env_config)
    return {
        "run": contender.run,
        "env": task.env,
        "stop": {ENV_STEPS: budget.env_steps},
        "config": config | {"seed": seed},
    }


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both, where the second counts; settings that are mappings are merged in the same way."""
    both = dict(one)
    for key, value in other.items():
        there = both.get(key)
        both[key] = (
            merged(there, value) if isinstance(there, Mapping) and isinstance(value, Mapping) else value
        )
    return both


def fingerprint(experiment: Mapping[str, Any]) -> str:
    """8 letters and digits that differ where anything of an experiment does."""
    text = json.dumps(experiment, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _slug(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "", name.replace("−", "-"))
