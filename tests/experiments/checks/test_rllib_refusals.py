"""Settings of RLlib's algorithms that cannot be are refused by name, in words that are not Python's about its code."""

import math
import re

import pytest

from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.checks.setting_values import check_values
from rllib_remix.experiments.old.settings import translate_config
from rllib_remix.experiments.trials import configure

ENVS = {"QMIX": "two_step_game", "SAC": "Pendulum-v1"}
# How Python speaks of code that was given the wrong thing.
PYTHON = re.compile(
    r"object is not|no setter|unsupported operand|positional arg|not supported between|cannot be interpreted|"
    r"has no attribute|unhashable|not callable|not iterable|must be str|invalid literal|could not convert|Error\b"
)
NAMES = (
    "lr", "gamma", "train_batch_size", "num_env_runners", "num_envs_per_env_runner", "num_learners", "grad_clip",
    "grad_clip_by", "env_config", "evaluation_config", "evaluation_interval", "evaluation_duration", "batch_mode",
    "rollout_fragment_length", "callbacks", "explore", "seed", "model", "multiagent", "exploration_config", "num_gpus",
    "observation_filter", "log_level", "is_multi_agent", "learner_class", "policies_to_train", "lr_schedule", "_foo",
)  # fmt: skip
VALUES = (True, -1, "x", [1], [[5, 1], [3, 1]], {"a": 1}, math.nan, 1.5, None, "", [[0, "x"]])


def refusal(run, settings):
    """What is said about settings; None if they are taken. Anything but the two errors is a fault."""
    try:
        config, _ = translate_config("config", {"env": ENVS.get(run, "CartPole-v1"), **settings}, run)
        configure(find_algorithm(run)[2], config)
    except (UserError, SettingError) as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "settings",
    [
        {"rollout_fragment_length": -1},
        {"rollout_fragment_length": 0},
        {"rollout_fragment_length": 5, "num_envs_per_env_runner": 0},
    ],
)
def test_what_rllibs_own_check_would_never_end_with_is_refused(settings):
    assert "must be an integer, at least 1" in refusal("PPO", settings)


@pytest.mark.parametrize("run", ["PPO", "QMIX"])
@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_setting_is_given_the_message_names_it_and_is_no_pythons(run, name):
    messages = [(value, refusal(run, {name: value})) for value in VALUES]
    told = [message for _, message in messages if message is not None]
    assert len(told) >= 4, messages
    for message in told:
        assert name in message or (name == "multiagent" and "policies" in message)
        assert not PYTHON.search(message), message
        assert len(message) < 1200


@pytest.mark.parametrize(
    ("run", "settings", "message"),
    [
        ("PPO", {"lr": [1]}, "config: lr: [1] is not allowed; it must be a number, at least 0, or a schedule"),
        ("PPO", {"num_env_runners": 1.5}, "config: num_env_runners: 1.5 is not allowed; it must be an integer"),
        ("PPO", {"gamma": "0.9"}, "config: gamma: '0.9' is not allowed; it must be a number."),
        ("PPO", {"explore": "no"}, "config: explore: 'no' is not allowed; it must be true or false."),
        ("PPO", {"rollout_fragment_length": "x"}, "rollout_fragment_length: 'x' is not allowed; it must be an integer"),
        ("PPO", {"minibatch_size": 10**6}, "config: minibatch_size: 1000000 is not allowed: `minibatch_size` (1000"),
        ("PPO", {"callbacks": "no.such.Class"}, "config: callbacks: 'no.such.Class' is not allowed: Could not"),
        ("PPO", {"batch_mode": "x"}, "batch_mode: 'x' is not allowed; it must be one of truncate_episodes"),
        ("SAC", {"lr": 0.1}, "config: lr: 0.1 is not allowed: Basic learning rate parameter `lr` is not `None`"),
        ("DQN", {"td_error_loss_fn": "x"}, "td_error_loss_fn: 'x' is not allowed: `td_error_loss_fn` must be"),
        ("IMPALA", {"minibatch_size": 7}, "config: minibatch_size: 7 is not allowed: `minibatch_size` (7) must"),
        ("MARWIL", {"beta": 1.0}, "`dataset_num_iters_per_learner`"),
    ],
)  # fmt: skip
def test_what_rllib_does_not_take_is_told_with_the_setting(run, settings, message):
    said = refusal(run, settings)
    assert message in said
    assert "To suppress" not in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["PPO", "DQN", "SAC", "IMPALA", "APPO", "BC", "MARWIL", "CQL"])
def test_what_an_algorithm_has_by_default_is_allowed(name):
    defaults = find_algorithm(name)[2].to_dict()
    check_values("config", defaults, defaults)
