"""Values that no return can have are said, once."""

import logging

import pytest

from rllib_remix import QMIXConfig
from rllib_remix.value_based.divergence import Divergence

NAME = "impossible_q_tot_share"


def messages(caplog, *iterations, **settings):
    divergence = Divergence(QMIXConfig().training(**settings))
    with caplog.at_level(logging.WARNING, logger="ray.rllib"):
        for learner in iterations:
            divergence.look({"q_tot_mean": 655.0} | learner, (-6.0, -0.5))
    return [record.getMessage() for record in caplog.records]


def test_it_says_what_is_impossible_and_which_settings_matter(caplog):
    (said,) = messages(caplog, {NAME: 0.2}, *[{NAME: 0.9}] * 4, {NAME: 1.0}, preset="papers", gamma=0.9)
    assert (
        "Q_tot is 655 on average, but with rewards of -6 … -0.5, as the learner has them, and gamma 0.9 no return is outside -60 … 0"
        in said
    )
    assert "td_trace 'watkins' (is 'peng')" in said
    assert "target_network_update_interval None, target_network_update_episodes 200, tau 1.0" in said


def test_by_default_it_says_how_targets_are_copied(caplog):
    (said,) = messages(caplog, *[{NAME: 0.9}] * 6)
    assert "target_network_update_interval 1, target_network_update_episodes None, tau 0.01" in said


@pytest.mark.parametrize("learner", [{}, {NAME: float("nan")}, {NAME: 0.0}, {NAME: 0.5}])
def test_it_says_nothing_of_values_that_can_be(caplog, learner):
    assert messages(caplog, *[learner] * 4) == []


def test_it_waits_for_what_a_network_begins_with_to_go(caplog):
    assert messages(caplog, {NAME: 1.0}, {NAME: 1.0}, {NAME: 0.1}, {NAME: 1.0}, {NAME: 1.0}) == []


def test_before_any_reward_was_seen_nothing_is_impossible(caplog):
    divergence = Divergence(QMIXConfig())
    with caplog.at_level(logging.WARNING, logger="ray.rllib"):
        for _ in range(4):
            divergence.look({NAME: 1.0, "q_tot_mean": 3.0}, (0.0, 0.0))
    assert not caplog.records


def test_a_team_whose_values_diverge_is_told(build, caplog):
    # Rewards of matrix games are 12 at most: values of 10,000 come from nothing but the network.
    config = QMIXConfig().environment("matrix_game").env_runners(num_envs_per_env_runner=4)
    config.training(train_batch_episodes=8, replay_buffer_capacity=16, lr=1e-12)
    config.reporting(min_sample_timesteps_per_iteration=20).debugging(seed=0)
    algorithm = build(config)
    module = algorithm.learner_group._learner.module["default_policy"].unwrapped()
    for parameter in module.mixer.parameters():
        parameter.data += 3.0
    with caplog.at_level(logging.WARNING, logger="ray.rllib"):
        for _ in range(3):
            result = algorithm.train()
    assert result["learners"]["default_policy"][NAME] == 1.0
    assert [r.getMessage()[:19] for r in caplog.records if "diverge" in r.getMessage()] == [
        "The values diverge:"
    ]
