"""Experiments read from a file."""

from __future__ import annotations

from pathlib import Path

from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.reading.mappings import read_mapping
from rllib_remix.experiments.reading.python_files import read_python
from rllib_remix.files.text_files import read_text
from rllib_remix.files.yaml_text import read_yaml_text


def read_experiments(path: Path) -> list[Experiment]:
    """The experiments that a .yaml, .yml or .py file describes.

    Raises:
        UserError: if the file cannot be read or does not describe experiments, with line and column if it is no YAML.
        SettingError: for an unknown key, with the nearest valid one.
    """
    if path.suffix in (".yaml", ".yml"):
        return read_mapping(str(path), read_yaml_text(str(path), read_text(path, what="file")))
    if path.suffix == ".py":
        return [read_python(path)]
    raise UserError(f"file {str(path)!r}: must end in .yaml, .yml or .py.")
