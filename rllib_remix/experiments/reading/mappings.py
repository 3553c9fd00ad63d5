"""Experiments read from nested mappings, as a YAML file has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.experiment import MAX_FAILURES, Checkpoints, Experiment
from rllib_remix.experiments.old.result_keys import translate_stop
from rllib_remix.experiments.old.settings import translate_config
from rllib_remix.experiments.reading.criteria import parse_score_attribute, parse_stop
from rllib_remix.experiments.reading.names import check_folder_name
from rllib_remix.experiments.reading.old_keys import with_new_keys
from rllib_remix.experiments.reading.schema import CHECKPOINTS, EXPERIMENT, checked
from rllib_remix.experiments.resources import check_resources
from rllib_remix.experiments.search.schedulers import read_scheduler
from rllib_remix.experiments.search.searchers import parse_search
from rllib_remix.files.text_files import local_path

# checkpoint_config's keys (those of ray.tune.CheckpointConfig) to ours.
CHECKPOINT_KEYS = {
    "checkpoint_frequency": "frequency",
    "checkpoint_at_end": "at_end",
    "num_to_keep": "num_to_keep",
    "checkpoint_score_attribute": "score_attribute",
    "checkpoint_score_order": "score_order",
}


def read_mapping(source: str, content: object) -> list[Experiment]:
    """The experiments of `{name: {run, env, stop, num_samples, checkpoint_config, config, …}}`.

    Args:
        source: where it stands, for messages.
        content: as YAML is read.

    Raises:
        UserError: if it does not describe experiments.
        SettingError: for an unknown key, with the nearest valid one.
    """
    if not isinstance(content, Mapping) or not content:
        raise UserError(
            f"{source}: must hold experiments, each as `name: {{run: ReMIX, env: predator_prey, …}}`."
        )
    return [_experiment(source, str(name), spec) for name, spec in content.items()]


def _experiment(source: str, name: str, spec: object) -> Experiment:
    check_folder_name(f"{source}: experiment name", name)
    owner = f"{source}: experiment {name!r}"
    if not isinstance(spec, Mapping):
        raise UserError(f"{owner}: must map {', '.join(EXPERIMENT)} to values, got {shown(spec)}.")
    spec, notes = with_new_keys(owner, spec)
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
