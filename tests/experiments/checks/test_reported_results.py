"""Which keys of results a stop, a search or a choice of checkpoints may name."""

import pytest
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback

from rllib_remix import QMIXConfig
from rllib_remix.errors import UserError
from rllib_remix.experiments.checks.reported_results import check_is_reported
from rllib_remix.experiments.result_keys import check_result_key

PPO = PPOConfig().environment("CartPole-v1")
EVALUATED = PPOConfig().environment("CartPole-v1").evaluation(evaluation_interval=1)
TEAM = QMIXConfig().environment("smac_sim")


class Own(RLlibCallback):
    """Somebody's callbacks."""


def reported(key, config):
    check_result_key("stop", key)
    return check_is_reported("stop", key, [config])


@pytest.mark.parametrize(
    ("key", "config"),
    [
        ("training_iteration", PPO),
        ("time_total_s", PPO),
        ("num_env_steps_sampled_lifetime", TEAM),
        ("env_runners/episode_return_mean", PPO),
        ("env_runners/episode_len_max", PPO),
        ("env_runners/num_episodes_lifetime", TEAM),
        ("env_runners/epsilon", TEAM),
        ("env_runners/battle_won_mean", TEAM),
        ("env_runners/agent_episode_return_mean/agent_0", PPO),
        ("env_runners/module_episode_return_mean/default_policy", PPO),
        ("env_runners/num_module_steps_sampled_lifetime/default_policy", PPO),
        ("evaluation/env_runners/episode_return_mean", EVALUATED),
        ("evaluation/num_healthy_workers", EVALUATED),
        ("learners/default_policy/vf_loss", PPO),
        ("learners/default_policy/td_loss", TEAM),
        ("learners/default_policy/weight_terms/bellman_error_mean", TEAM),
        ("replay_buffer/num_episodes", TEAM),
        ("timers/training_step", PPO),
        ("perf/ram_util_percent", PPO),
    ],
)
def test_what_is_reported_may_be_named(key, config):
    assert reported(key, config) is None


@pytest.mark.parametrize(
    ("key", "config", "hint"),
    [
        ("training_iterations", PPO, "did you mean 'training_iteration'"),
        ("training_iteration/x", PPO, "It is one number"),
        ("env_runners", PPO, "is a group of results"),
        ("env_runners/episode_return_maen", PPO, "did you mean 'env_runners/episode_return_mean'"),
        ("env_runners/episode_return_maen", TEAM, "did you mean 'env_runners/episode_return_mean'"),
        ("env_runners/episode_returns_mean", TEAM, "did you mean 'env_runners/episode_return_mean'"),
        ("env_runners/shots_fired_mean", PPO, "is never reported"),
        ("evaluation/env_runners/episode_return_mean", PPO, "set evaluation_interval"),
        (
            "evaluation/env_runners/episode_retrun_mean",
            EVALUATED,
            "did you mean 'evaluation/env_runners/episode_return_mean'",
        ),
        ("evaluation/episode_len_mean", EVALUATED, "did you mean 'evaluation/env_runners/episode_len_mean'"),
        ("learners/vf_loss", PPO, "below learners come modules"),
        ("learners/default_policy/td_los", TEAM, "did you mean 'learners/default_policy/td_loss'"),
    ],
)
def test_what_nothing_reports_is_refused_with_the_nearest(key, config, hint):
    with pytest.raises(UserError, match=hint):
        reported(key, config)


def test_what_only_the_users_own_code_can_report_is_said():
    own = PPOConfig().environment("CartPole-v1").callbacks(Own)
    assert "only if your own code reports it" in str(reported("env_runners/my_metric", own))
    function = PPOConfig().environment("CartPole-v1").callbacks(on_episode_end=print)
    assert "only if your own code reports it" in str(reported("env_runners/my_metric", function))
    assert "only if your own code reports it" in str(reported("env_runners/shots_fired_mean", TEAM))


def test_one_variant_that_reports_it_is_enough():
    assert check_is_reported("stop", "evaluation/env_runners/episode_return_mean", [PPO, EVALUATED]) is None
