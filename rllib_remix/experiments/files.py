"""Experiments read from a YAML file or a Python module."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.experiment import MAX_FAILURES, Checkpoints, Experiment
from rllib_remix.experiments.old.settings import translate_config, translate_result_key, translate_stop
from rllib_remix.experiments.parsing import check_folder_name, parse_stop
from rllib_remix.experiments.resources import check_resources
from rllib_remix.experiments.result_keys import check_result_key
from rllib_remix.experiments.schedulers import read_scheduler
from rllib_remix.experiments.schema import CHECKPOINTS, EXPERIMENT, checked
from rllib_remix.experiments.searchers import parse_search
from rllib_remix.files.text_files import local_path, read_text
from rllib_remix.files.yaml_text import read_yaml_text

# Keys of files of RLlib's old API stack → what they are now.
OLD_FOLDERS = ("local_dir", "upload_dir")
OLD_CHECKPOINT_KEYS = {
    "checkpoint_freq": "checkpoint_frequency",
    "checkpoint_at_end": "checkpoint_at_end",
    "keep_checkpoints_num": "num_to_keep",
    "checkpoint_score_attr": "checkpoint_score_attribute",
}
IGNORED_KEYS = {
    "pass_criteria": "it was for RLlib's own tests",
    "frameworks": "PyTorch is what always runs",
    "sync_config": "Tune syncs to storage_path by itself",
}
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
    content = read_yaml_text(str(path), text)
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


def parse_score_attribute(owner: str, attribute: str) -> tuple[str, str]:
    """The result key that says which checkpoints to keep, in its name of now, and "max" or "min".

    A leading `min-` means that lower is better, as it always did.

    Raises:
        UserError: for a key that no result has.
    """
    order = "min" if attribute.startswith("min-") else "max"
    key = translate_result_key(attribute.removeprefix("min-"))
    check_result_key(owner, key)
    return key, order


def _experiment(path: Path, name: str, spec: object) -> Experiment:
    check_folder_name(f"{path}: experiment name", name)
    owner = f"{path}: experiment {name!r}"
    if not isinstance(spec, Mapping):
        raise UserError(f"{owner}: must map {', '.join(EXPERIMENT)} to values, got {shown(spec)}.")
    spec, notes = _with_new_keys(owner, spec)
    if "run" not in spec:
        raise UserError(f"{owner}: run must name an algorithm, such as ReMIX; there is none.")
    spec = checked(owner, EXPERIMENT, spec)
    run, config = spec["run"], spec.get("config", {})
    if "env" in spec:
        if config.get("env", spec["env"]) != spec["env"]:
            raise UserError(
                f"{owner}: env is {spec['env']!r} but config has env {shown(config['env'])}; give one."
            )
        config = {**config, "env": spec["env"]}
    config, config_notes = translate_config(f"{owner}: config", config, run)
    stop, stop_notes = translate_stop(owner, spec.get("stop", {}))
    experiment = Experiment(
        name=name,
        run=run,
        config=config,
        stop=parse_stop(f"{owner}: stop", stop),
        num_samples=int(spec.get("num_samples", 1)),
        checkpoints=_checkpoints(owner, spec.get("checkpoint_config", {})),
        max_failures=int(spec.get("max_failures", MAX_FAILURES)),
        notes=[*notes, *config_notes, *stop_notes],
    )
    if "storage_path" in spec:
        experiment.storage_path = spec["storage_path"]
    if "restore" in spec:
        experiment.restore = local_path(f"{owner}: restore", spec["restore"]).absolute()
    if "resources_per_trial" in spec:
        experiment.resources = check_resources(f"{owner}: resources_per_trial", spec["resources_per_trial"])
    if "scheduler" in spec:
        experiment.scheduler = read_scheduler(f"{owner}: scheduler", spec["scheduler"])
    if "search" in spec:
        experiment.search = parse_search(f"{owner}: search", spec["search"])
    return experiment


def _with_new_keys(owner: str, spec: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """An experiment with the keys of now, and a note for each that was translated or left out."""
    new: dict[str, Any] = {}
    given = spec.get("checkpoint_config") or {}
    checkpoints = dict(given) if isinstance(given, Mapping) else {}
    notes = []
    for key, value in spec.items():
        if key in IGNORED_KEYS:
            notes.append(f"{owner}: {key} is left out: {IGNORED_KEYS[key]}.")
        elif key in OLD_FOLDERS:
            if "storage_path" in spec or "storage_path" in new:
                raise UserError(
                    f"{owner}: {key} is the old name of storage_path, which is given too; give one."
                )
            new["storage_path"] = value
            notes.append(f"{owner}: {key} is read as storage_path.")
        elif key in OLD_CHECKPOINT_KEYS:
            _take_checkpoint_key(owner, key, value, checkpoints)
        elif key != "checkpoint_config":
            new[key] = value
    if checkpoints:
        new["checkpoint_config"] = checkpoints
    elif "checkpoint_config" in spec:
        new["checkpoint_config"] = spec["checkpoint_config"]
    return new, notes


def _take_checkpoint_key(owner: str, key: str, value: Any, checkpoints: dict[str, Any]) -> None:
    name = OLD_CHECKPOINT_KEYS[key]
    if name in checkpoints:
        raise UserError(f"{owner}: {key} is checkpoint_config: {name}, which is given too; give one.")
    if name == "checkpoint_score_attribute" and isinstance(value, str):
        value, checkpoints["checkpoint_score_order"] = parse_score_attribute(f"{owner}: {key}", value)
    checkpoints[name] = value


def _checkpoints(owner: str, spec: Mapping[str, Any]) -> Checkpoints:
    owner = f"{owner}: checkpoint_config"
    given = checked(owner, CHECKPOINTS, spec)
    attribute = given.get("checkpoint_score_attribute")
    if attribute is not None:
        name = f"{owner}: checkpoint_score_attribute"
        given["checkpoint_score_attribute"], order = parse_score_attribute(name, attribute)
        given = {"checkpoint_score_order": order, **given}
    for key in ("checkpoint_frequency", "num_to_keep"):
        if key in given:
            given[key] = int(given[key])
    return Checkpoints(**{CHECKPOINT_KEYS[key]: value for key, value in given.items()})


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
