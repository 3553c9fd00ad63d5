"""Settings of the wrong kind are refused with their name, from Python as from files."""

import math
from contextlib import suppress

import pytest
from batteries import battery_but
from ray import tune
from ray.rllib.algorithms.registry import ALGORITHMS
from ray.tune.registry import get_trainable_cls

from rllib_remix import QMIXConfig
from rllib_remix.errors import SettingError
from rllib_remix.team.settings.types import check_setting_types

NAMES = [name for name in vars(QMIXConfig()) if not name.startswith("_") and name != "algo_class"]
WRONG = ["two", 2.5, [[1]], {"a": 1}, {5: 1}, math.nan, 10**30, b"x", object()]


@pytest.mark.parametrize("number", battery_but([0], range(4)))
def test_no_value_of_a_setting_ends_in_an_error_of_python(number):
    for position, name in enumerate(NAMES):
        config = QMIXConfig().environment("matrix_game")
        with suppress(SettingError):
            setattr(config, name, WRONG[(position + number) % len(WRONG)])
            config.validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_env_runners", "two"),
        ("num_env_runners", 1.0),
        ("num_env_runners", True),
        ("num_env_runners", 10**9),
        ("num_envs_per_env_runner", 10**9),
        ("lr", {}),
        ("lr", "1e-4"),
        ("explore", "no"),
        ("env_config", [1]),
        ("env_config", None),
        ("evaluation_config", 5),
        ("evaluation_config", {5: 1}),
        ("evaluation_config", {"num_env_runners": "two"}),
        ("callbacks_class", 5),
        ("policies", 5),
        ("seed", "one"),
        ("seed", 1.5),
        ("train_batch_episodes", 1e99),
        ("train_batch_episodes", "many"),
        ("learner_config_dict", [1]),
        ("num_cpus_per_env_runner", "2"),
        ("min_sample_timesteps_per_iteration", [1000]),
        ("weighting_config", 3),
        ("restart_failed_env_runners", 1),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named_with_what_it_may_be(name, value):
    config = QMIXConfig().environment("matrix_game")
    setattr(config, name, value)
    with pytest.raises(SettingError, match=rf"^{name}.*(must be|allowed:|key 5)"):
        config.validate()


def test_wrong_kinds_in_a_dict_of_settings_are_named_before_rllib_takes_them_over():
    for settings in ({"env_config": 5}, {"multiagent": 5}, {"evaluation_config": "x"}, {"callbacks": 5}):
        with pytest.raises(SettingError, match=rf"^{next(iter(settings))}: .* (must be|allowed:) "):
            QMIXConfig().update_from_dict(settings)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_defaults_of_rllibs_algorithms_are_of_kinds_that_are_allowed(name):
    config = get_trainable_cls(name).get_default_config()
    check_setting_types("", config, vars(config))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("PPO", {"num_cpus_per_env_runner": 0.5, "entropy_coeff": [[0, 0.01], [1000, 0.0]], "lr": 1}),
        ("PPO", {"model": {"fcnet_hiddens": [8]}, "callbacks": "module.Class", "grad_clip": None}),
        ("PPO", {"_model_config": {"fcnet_hiddens": [8]}, "lambda": 0.9, "vf_clip_param": math.inf}),
        ("DQN", {"grad_clip": 0.5, "hiddens": [64], "n_step": [2, 5], "epsilon": [[0, 1.0], [100, 0.1]]}),
        ("SAC", {"target_entropy": "auto", "num_gpus_per_learner": 0.25, "n_step": 3}),
        ("BC", {"input_": ["/data/a", "/data/b"], "unheard_of": object()}),
    ],
)
def test_what_rllib_takes_is_allowed(name, settings):
    check_setting_types("", get_trainable_cls(name).get_default_config(), settings)


@pytest.mark.parametrize("value", [tune.grid_search([1e-3]), tune.uniform(1e-4, 1e-3)])
def test_what_tune_searches_is_checked_once_a_trial_has_its_value(value):
    assert QMIXConfig().update_from_dict({"lr": value}).lr == value
