"""Experiments from a file, ready to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from rllib_remix.errors import unknown
from rllib_remix.experiments.checking import check_experiments
from rllib_remix.experiments.checks.spelling import check_spelling
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.reading.assignments import in_all
from rllib_remix.experiments.reading.files import read_experiments
from rllib_remix.experiments.reading.mappings import read_mapping
from rllib_remix.experiments.reading.options import Changes
from rllib_remix.settings import check_keys

_MAPPING = "load"  # how messages call what is not in a file


def load(
    source: str | Path | Mapping[str, Any],
    *,
    only: str | None = None,
    num_cpus: int | None = None,
    num_gpus: float | None = None,
    here: bool = True,
    **changes: Any,
) -> list[Experiment]:
    """The experiments of a file, checked as `rllib train file` checks them, without starting Ray.

    Args:
        source: a .yaml file of experiments, a .py module with `config` (an AlgorithmConfig) and optionally `stop`, or
            what a YAML file holds: `{name: {"run": "ReMIX", "env": "predator_prey", …}}`. A module is run, and the
            modules that `run`, `env` and `weighting` name are imported, which runs them.
        only: the name of one experiment, to load it alone.
        num_cpus, num_gpus: what will be there, or None if that is not known.
        here: whether this process will run them; the folders of another machine are not looked at.
        **changes: what is to be otherwise than the file says: the options of `rllib train file`, with underscores,
            such as `num_samples=3`. See `Changes`.

    Returns:
        Experiments for `rllib_remix.running.run`. What was read otherwise than it was written is in their `notes`.

    Raises:
        UserError: for what cannot be read, or cannot run, naming the setting, the value and what is allowed. Changes
            are called by their options, such as --storage-path.
        SettingError: for an unknown name, with the nearest, and what our own algorithms refuse.
    """
    check_keys("load", changes, [field.name for field in fields(Changes)])
    experiments = read(source, only=only, changes=Changes(**changes))
    check_experiments(experiments, num_cpus=num_cpus, num_gpus=num_gpus, here=here)
    return experiments


def read(
    source: str | Path | Mapping[str, Any], *, only: str | None = None, changes: Changes | None = None
) -> list[Experiment]:
    """The experiments of a file, with changes, before they are checked as a whole. See `load`.

    Raises:
        UserError, SettingError: for what cannot be read or changed, and if there is no experiment of the name `only`.
    """
    changes = changes or Changes()
    where = _MAPPING if isinstance(source, Mapping) else str(source)
    changes.check_stop_can_change(where)
    experiments = (
        read_mapping(where, in_all(source, changes.set, only))
        if isinstance(source, Mapping)
        else read_experiments(Path(source), changes.set, only)
    )
    if only is not None:
        names = [experiment.name for experiment in experiments]
        experiments = [experiment for experiment in experiments if experiment.name == only]
        if not experiments:
            raise unknown(f"--only: {where}", only, names)
    check_spelling(experiments, where)
    changes.make(where, experiments)
    return experiments
