"""An experiment read from a Python module."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from rllib_remix.envs.naming.importing import send_by_value
from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.reading.criteria import parse_stop
from rllib_remix.experiments.reading.names import check_folder_name
from rllib_remix.experiments.user_modules import find_modules_in
from rllib_remix.files.text_files import read_text


def read_python(path: Path) -> Experiment:
    """The experiment of a Python module with `config` (an AlgorithmConfig) and optionally `stop` (a dict)."""
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

    module = _import_file(path)
    config = getattr(module, "config", None)
    if not isinstance(config, AlgorithmConfig):
        raise UserError(f"{path}: must define `config`, an AlgorithmConfig; found {type(config).__name__}.")
    if config.algo_class is None:
        raise UserError(
            f"{path}: its `config` names no algorithm; use an algorithm's own class, such as ReMIXConfig."
        )
    return Experiment(
        name=check_folder_name(str(path), path.stem),
        run=config.algo_class,
        config=config.to_dict(),
        stop=parse_stop(f"{path}: stop", getattr(module, "stop", {})),
    )


def _import_file(path: Path) -> Any:
    read_text(path, what="file")
    for folder in (Path.cwd(), path.absolute().parent):
        find_modules_in(folder)  # that the file imports
    name = f"rllib_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"{path}: {type(error).__name__}: {error} (at {line.filename}:{line.lineno})"
        ) from error
    send_by_value(module)
    return module
