"""Experiments read from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.reading.assignments import OPTION, in_all
from rllib_remix.experiments.reading.mappings import read_mapping
from rllib_remix.experiments.reading.python_files import read_python
from rllib_remix.files.text_files import read_text
from rllib_remix.files.yaml_text import read_yaml_text


def read_experiments(
    path: Path, assignments: Sequence[str] = (), only: str | None = None
) -> list[Experiment]:
    """The experiments that a .yaml, .yml or .py file describes.

    Args:
        path: of the file.
        assignments: values to set in them, see `assignments.py`; in the one that `only` names, or in all.

    Raises:
        UserError: if the file cannot be read or does not describe experiments, with line and column if it is no YAML.
        SettingError: for an unknown key, with the nearest valid one.
    """
    if path.suffix in (".yaml", ".yml"):
        content = read_yaml_text(str(path), read_text(path, what="file"))
        return read_mapping(str(path), in_all(content, assignments, only))
    if path.suffix == ".py":
        if assignments:
            raise UserError(f"{OPTION}: works with .yaml files only; change `config` in {str(path)!r}.")
        return [read_python(path)]
    raise UserError(f"file {str(path)!r}: must end in .yaml, .yml or .py.")
