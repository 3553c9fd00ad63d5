"""The settings of every trial of an experiment, as far as they can be known before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.algorithm import is_of_team
from rllib_remix.experiments.checks.algorithm import check_api, check_can_train
from rllib_remix.experiments.checks.environment import check_environment
from rllib_remix.experiments.checks.rllib_refusals import explain
from rllib_remix.experiments.checks.setting_names import check_names_and_values
from rllib_remix.experiments.old.effects import check_effects
from rllib_remix.experiments.search.points import grid_points_to_check, points_to_check

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig


# Points of grids that are all checked, at some 10 ms each.
MAX_CHECKED = 200


class Trial(NamedTuple):
    """One trial."""

    config: AlgorithmConfig  # all settings, validated
    settings: dict[str, Any]  # those that the experiment gives


def settings_of_trials(default: AlgorithmConfig, config: Mapping[str, Any]) -> list[Trial]:
    """One trial for each of the `variants` of these settings.

    Raises:
        UserError, SettingError: for settings that cannot be.
    """
    return [Trial(configure(default, settings), settings) for settings in variants(config)]


def variants(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings of trials, as far as they can be known: one dict per point of the grids in `config`.

    Of more than 200 points, one dict per value of each grid, with the other grids at their first values.
    Search domains are at their low ends there; further dicts show their other ends, at the grids' first point.

    Raises:
        UserError: if a grid_search is not a list of values.
    """
    from ray.tune.error import TuneError
    from ray.tune.search.variant_generator import generate_variants

    try:
        for number, samples in enumerate(points_to_check(config)):
            for point in grid_points_to_check(samples, MAX_CHECKED):
                for _, resolved in generate_variants({"config": point}):
                    yield resolved["config"]
                    if number > 0:
                        break
                if number > 0:
                    break
    except (TuneError, TypeError, ValueError) as error:
        raise UserError(f"config: a grid_search must be a list of values ({error}).") from error


def configure(default: AlgorithmConfig, settings: Mapping[str, Any]) -> AlgorithmConfig:
    """The full, validated settings of one trial.

    Raises:
        UserError: for an unknown key, an unknown environment, or what RLlib refuses.
        SettingError: for what our own algorithms refuse.
    """
    from rllib_remix.rollout.named_creator import make_known_to_ray
    from rllib_remix.team.settings.types import check_setting_types

    config = default.copy(copy_frozen=False)
    check_names_and_values(config, settings)
    env = settings.get("env", config.env)
    check_environment(env, settings.get("env_config"))
    check_can_train(config, env)
    if isinstance(env, str) and not is_of_team(config):
        make_known_to_ray(env)
    check_setting_types("config: ", default, settings)
    try:
        config.update_from_dict(dict(settings))
        check_api(config)
        if not is_of_team(config):  # they check it themselves
            check_effects("config", config, default)
            if isinstance(config.evaluation_config, dict):
                evaluation = default.copy(copy_frozen=False).update_from_dict(config.evaluation_config)
                check_effects("config: evaluation_config", evaluation, default)
        config.validate()
    except (SettingError, UserError):
        raise
    except Exception as error:
        raise UserError(explain(default, settings, error)) from error
    return config
