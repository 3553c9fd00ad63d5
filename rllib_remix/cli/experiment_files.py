"""Experiments read from a YAML file or a Python module."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from rllib_remix.cli.errors import UserError
from rllib_remix.cli.experiments import Checkpoints, Experiment
from rllib_remix.cli.parsing import check_folder_name, parse_stop, read_text
from rllib_remix.settings import check_keys, check_number

EXPERIMENT_KEYS = ("run", "env", "stop", "num_samples", "storage_path", "checkpoint_config", "config")
# checkpoint_config's keys (those of ray.tune.CheckpointConfig) to ours.
CHECKPOINT_KEYS = {
    "checkpoint_frequency": "frequency",
    "checkpoint_at_end": "at_end",
    "num_to_keep": "num_to_keep",
    "checkpoint_score_attribute": "score_attribute",
    "checkpoint_score_order": "score_order",
}


def read_experiments(path: Path) -> list[Experiment]:
    """The experiments that a .yaml, .yml or .py file describes.

    Raises:
        UserError: if the file cannot be read or does not describe experiments, with line and column if it is no YAML.
        SettingError: for an unknown key, with the nearest valid one.
    """
    if path.suffix in (".yaml", ".yml"):
        return read_yaml(path)
    if path.suffix == ".py":
        return [read_python(path)]
    raise UserError(f"file {str(path)!r}: must end in .yaml, .yml or .py.")


def read_yaml(path: Path) -> list[Experiment]:
    """The experiments of a YAML file: `name: {run, env, stop, num_samples, checkpoint_config, config}`."""
    text = read_text(path, what="file")
    try:
        content = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{path}{where}: not YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from None
    if not isinstance(content, Mapping) or not content:
        raise UserError(
            f"{path}: must hold experiments, each as `name: {{run: ReMIX, env: predator_prey, …}}`."
        )
    return [_experiment(path, str(name), spec) for name, spec in content.items()]


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


def _experiment(path: Path, name: str, spec: object) -> Experiment:
    owner = f"{path}: experiment {name!r}"
    check_folder_name(f"{path}: experiment name", name)
    if not isinstance(spec, Mapping):
        raise UserError(f"{owner}: must map {', '.join(EXPERIMENT_KEYS)} to values, got {spec!r}.")
    check_keys(owner, map(str, spec), EXPERIMENT_KEYS)
    run = spec.get("run")
    if not isinstance(run, str):
        raise UserError(f"{owner}: run must name an algorithm, such as ReMIX; got {run!r}.")
    config = spec.get("config") or {}
    if not isinstance(config, Mapping):
        raise UserError(f"{owner}: config must map settings to values, got {config!r}.")
    config = dict(config)
    if "env" in spec:
        if config.get("env", spec["env"]) != spec["env"]:
            raise UserError(
                f"{owner}: env is {spec['env']!r} but config has env {config['env']!r}; give one."
            )
        config["env"] = spec["env"]
    num_samples = spec.get("num_samples", 1)
    check_number(f"{owner}: num_samples", num_samples, low=1, integer=True)
    experiment = Experiment(
        name=name,
        run=run,
        config=config,
        stop=parse_stop(f"{owner}: stop", spec.get("stop") or {}),
        num_samples=int(num_samples),
        checkpoints=_checkpoints(owner, spec.get("checkpoint_config") or {}),
    )
    if "storage_path" in spec:
        experiment.storage_path = str(spec["storage_path"])
    return experiment


def _checkpoints(owner: str, spec: object) -> Checkpoints:
    if not isinstance(spec, Mapping):
        raise UserError(f"{owner}: checkpoint_config must map names to values, got {spec!r}.")
    check_keys(f"{owner}: checkpoint_config", map(str, spec), CHECKPOINT_KEYS)
    for key, low in (("checkpoint_frequency", 0), ("num_to_keep", 1)):
        if spec.get(key) is not None:
            check_number(f"{owner}: {key}", spec[key], low=low, integer=True)
    return Checkpoints(**{CHECKPOINT_KEYS[key]: value for key, value in spec.items()})


def _import_file(path: Path) -> Any:
    import ray.cloudpickle

    read_text(path, what="file")
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
    # Workers cannot import the module by this name, so what it defines travels by value.
    ray.cloudpickle.register_pickle_by_value(module)
    return module


class _Loader(yaml.SafeLoader):
    """YAML that reads 1e6 as a number (PyYAML follows YAML 1.1, where it is text) and refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping of a node; raises ConstructorError with line and column for a repeated key."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d[\d_]*)(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
