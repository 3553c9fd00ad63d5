"""`--resources-per-trial`: what a trial reserves, as settings of its algorithm (Tune refuses it for algorithms)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.checks.rllib_refusals import explain
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.ray_releases import check_release_has
from rllib_remix.settings import check_keys, check_number

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

_KEYS = ("cpu", "gpu", "custom_resources")
_ADDED = {"extra_cpu": "cpu", "extra_gpu": "gpu", "extra_custom_resources": "custom_resources"}
_SETTINGS = {
    "cpu": "num_cpus_for_main_process",
    "gpu": "num_gpus_per_learner",
    "custom_resources": "custom_resources_for_main_process",
}


def check_resources(owner: str, resources: Mapping[str, Any]) -> dict[str, Any]:
    """The resources as given, with lower-case keys.

    Raises:
        UserError, SettingError: for an unknown key, or what is no amount.
    """
    lowered = {str(key).lower(): value for key, value in resources.items()}
    for key in lowered:
        if key in _ADDED:
            raise UserError(f"{owner}: {key} is gone from Ray; give all that a trial needs as {_ADDED[key]}.")
        if key in ("memory", "object_store_memory"):
            raise UserError(f"{owner}: {key} is not reserved by RLlib's algorithms; leave it out.")
    check_keys(owner, lowered, _KEYS)
    for key in ("cpu", "gpu"):
        if key in lowered:
            check_number(f"{owner}: {key}", lowered[key], low=0)
    custom = lowered.get("custom_resources", {})
    if not isinstance(custom, Mapping):
        raise UserError(f"{owner}: custom_resources must map names to amounts, got {shown(custom)}.")
    for name, amount in custom.items():
        check_number(f"{owner}: custom_resources: {name}", amount, low=0)
    return lowered


def reserve(
    experiment: Experiment,
    algorithm_class: type[Algorithm],
    trials: Sequence[tuple[AlgorithmConfig, dict[str, Any]]],
) -> None:
    """Makes what an experiment reserves a part of its settings.

    Args:
        experiment: its `resources` are checked; they are empty afterwards.
        algorithm_class: says what a trial asks for.
        trials: of every variant its config, and the settings from which it was made.

    Raises:
        UserError: see `as_settings`.
    """
    asked = [(config, bundles_of(algorithm_class, settings)) for config, settings in trials]
    experiment.config |= as_settings("resources_per_trial", experiment.resources, asked)
    experiment.resources = {}


def as_settings(
    owner: str, resources: Mapping[str, Any], trials: Sequence[tuple[Any, Sequence[Mapping[str, float]]]]
) -> dict[str, Any]:
    """The algorithm settings with which every trial reserves these resources in all.

    Args:
        owner: for messages.
        resources: checked; `cpu` and `gpu` are totals of a trial, custom resources are added to its main process.
        trials: of every variant its config and the bundles that it asks for, the main process's first.

    Raises:
        UserError: less than a trial takes, variants that take different amounts, or custom resources where Ray is too old.
    """
    settings: dict[str, Any] = {}
    if "cpu" in resources:
        settings[_SETTINGS["cpu"]] = _main_process_cpus(owner, resources["cpu"], trials)
    if "gpu" in resources:
        learners = {max(1, config.num_learners or 0) for config, _ in trials}
        if len(learners) > 1:
            raise UserError(
                f"{owner}: gpu cannot be shared out over a search of num_learners; set num_gpus_per_learner."
            )
        settings[_SETTINGS["gpu"]] = resources["gpu"] / learners.pop()
    if resources.get("custom_resources"):
        check_release_has(f"{owner}: custom_resources", _SETTINGS["custom_resources"])
        settings[_SETTINGS["custom_resources"]] = dict(resources["custom_resources"])
    return settings


def _main_process_cpus(
    owner: str, cpus: float, trials: Sequence[tuple[Any, Sequence[Mapping[str, float]]]]
) -> float:
    others = {sum(bundle.get("CPU", 0) for bundle in bundles[1:]) for _, bundles in trials}
    main = max(bundles[0].get("CPU", 0) for _, bundles in trials)
    if len(others) > 1:
        raise UserError(
            f"{owner}: cpu: {cpus:g} cannot be the total of a search of num_env_runners; set num_cpus_for_main_process."
        )
    least = main + others.pop()
    if cpus < least:
        raise UserError(
            f"{owner}: cpu: {cpus:g} is less than the {least:g} that a trial takes (main process, env runners, "
            f"learners); allowed: {least:g} or more, or lower num_env_runners."
        )
    return main + cpus - least


def bundles_of(algorithm_class: type[Algorithm], settings: dict[str, Any]) -> list[dict[str, float]]:
    """What a trial asks for, the main process's part first."""
    try:
        request: Any = algorithm_class.default_resource_request(settings)
    except Exception as error:
        raise UserError(explain(algorithm_class.get_default_config(), settings, error)) from error
    return request.bundles if request is not None else [{}]
