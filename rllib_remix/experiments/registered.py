"""What the user's code registered of what experiments name, kept in a run's plan: another process knows the names alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.old.translation import choices


def environments_of(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """By name, the creators of the experiments' environments, as far as they were registered, and not by this package."""
    from ray.tune.registry import ENV_CREATOR, _global_registry

    given = [each.config.get("env") for each in experiments]
    names = {name for name in given if isinstance(name, str)}
    found = {
        name: _global_registry.get(ENV_CREATOR, name)
        for name in names
        if _global_registry.contains(ENV_CREATOR, name)
    }
    return {name: creator for name, creator in found.items() if not getattr(creator, "is_shipped", False)}


def weightings_of(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """By name, the weightings of the experiments and of their algorithms that the user registered."""
    from rllib_remix.value_based.schemes import own_schemes

    names: list[Any] = []
    for each in experiments:
        of_algorithm = getattr(find_algorithm(each.run)[2], "weighting", None)
        given = each.config.get("weighting", of_algorithm)
        names += getattr(given, "categories", None) or choices(given)  # a search domain, a grid, or one
    return own_schemes(names)


def register_again(
    experiments: Sequence[Experiment], environments: Mapping[str, Any], weightings: Mapping[str, Any]
) -> None:
    """Makes known here what a plan has kept, in the place of what goes by the same names here.

    Args:
        experiments: Tune's record of them has the names alone of the classes that they run.
        environments, weightings: as the functions above give them.
    """
    from ray.tune.registry import register_env, register_trainable

    from rllib_remix.value_based.schemes import know_again

    for each in experiments:
        if isinstance(each.run, type):
            register_trainable(each.run.__name__, each.run)
    for name, creator in environments.items():
        register_env(name, creator)
    know_again(weightings)
