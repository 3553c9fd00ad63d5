import math

import numpy as np
from ray.rllib.utils.metrics.metrics_logger import MetricsLogger

from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.metrics import (
    EPISODE_COUNTS,
    EPISODE_SUMS,
    EpisodeMetrics,
    take_exact_means,
    unknown_means,
)


def played(team_return, of_agents=None, **info):
    """An episode of two steps."""
    zeros = np.zeros((3, 1, 1))
    rewards = np.array([team_return, 0], np.float32)
    return TeamEpisode(
        zeros,
        zeros[:, 0],
        zeros > 0,
        zeros[:2, :, 0],
        rewards,
        True,
        False,
        info,
        agent_returns=of_agents or {},
    )


def metrics_of(*episodes):
    metrics = EpisodeMetrics(10)
    for episode in episodes:
        metrics.add(episode)
    return metrics


def test_an_info_value_is_averaged_over_the_episodes_that_have_it():
    means = metrics_of(played(1, won=1.0), played(2, won=0.0), played(6, kills=3.0), played(3)).means()
    assert means == {"won_mean": 0.5, "kills_mean": 3.0, "episode_return_mean": 3.0, "episode_len_mean": 2.0}


def test_no_info_value_takes_the_place_of_the_return():
    means = metrics_of(played(1, episode_return=100.0, episode_len=50.0)).means()
    assert means == {"episode_return_mean": 1.0, "episode_len_mean": 2.0}


def test_sums_go_with_the_number_of_episodes_that_they_are_of():
    logger = MetricsLogger(root=True)
    metrics_of(played(1, won=1.0), played(2)).log_sums(logger)
    metrics_of(played(3, won=0.0)).log_sums(logger)
    EpisodeMetrics(10).log_sums(logger)
    assert {name: logger.peek((EPISODE_SUMS, name)) for name in ("won_mean", "episode_return_mean")} == {
        "won_mean": 1.0,
        "episode_return_mean": 6.0,
    }
    assert logger.peek((EPISODE_COUNTS, "won_mean")) == 2
    assert logger.peek((EPISODE_COUNTS, "episode_len_mean")) == 3


def test_the_agents_own_returns_are_told_from_the_first_episode_on_in_which_they_differ():
    metrics = metrics_of(played(2, {"a": 1.0, "b": 1.0}), played(4, {"a": 2.0, "b": 2.0}))
    assert "agent_episode_returns_mean" not in metrics.means()
    metrics.add(played(3, {"a": 3.0, "b": 0.0}))
    # (1 + 2 + 3) / 3 and (1 + 2 + 0) / 3: those before count too.
    assert metrics.means()["agent_episode_returns_mean"] == {"a": 2.0, "b": 1.0}
    metrics.clear()
    metrics.add(played(2, {"a": 1.0, "b": 1.0}))
    assert metrics.means()["agent_episode_returns_mean"] == {"a": 1.0, "b": 1.0}  # no column comes and goes


def test_an_info_of_that_name_is_no_return_of_an_agent():
    assert "agent_episode_returns_mean" not in metrics_of(played(1, agent_episode_returns=5.0)).means()


def test_agents_returns_are_logged_below_one_key_and_survive_a_checkpoint():
    before = metrics_of(played(3, {"a": 3.0, "b": 0.0}))
    metrics = EpisodeMetrics(10)
    metrics.set_state(before.get_state())
    metrics.add(played(1, {"a": 1.0, "b": 0.0}))
    logger = MetricsLogger(root=True)
    metrics.log(logger)
    assert logger.peek(("agent_episode_returns_mean", "a")) == 2
    assert logger.peek("episode_return_mean") == 2
    assert logger.peek("episode_return_max") == 3


def test_a_state_of_before_has_no_agents_returns():
    metrics = EpisodeMetrics(10)
    metrics.set_state([(4.0, 2, {"won": 1.0})])
    assert metrics.means() == {"won_mean": 1.0, "episode_return_mean": 4.0, "episode_len_mean": 2.0}


def results_of(*workers):
    """An evaluation's, before the exact means are put in."""
    logger = MetricsLogger(root=True)
    for worker in workers:
        worker.log_sums(logger)
    return logger.peek()


ALIKE = played(2, {"a": 1.0, "b": 1.0}), played(8, {"a": 4.0, "b": 4.0})
UNLIKE = played(3, {"a": 4.0, "b": -1.0})


def test_an_evaluation_counts_every_episode_once_those_of_workers_where_agents_are_alike_too():
    results = results_of(metrics_of(*ALIKE), metrics_of(UNLIKE), EpisodeMetrics(10))
    take_exact_means(results, {}, any_played=True)
    assert results["episode_return_mean"] == (2 + 8 + 3) / 3
    assert results["agent_episode_returns_mean"] == {"a": (1 + 4 + 4) / 3, "b": (1 + 4 - 1) / 3}
    assert not {EPISODE_SUMS, EPISODE_COUNTS} & results.keys()


def test_an_evaluation_of_alike_agents_tells_of_them_only_if_one_before_did():
    results = results_of(metrics_of(*ALIKE))
    take_exact_means(results, {}, any_played=True)
    assert "agent_episode_returns_mean" not in results
    results = results_of(metrics_of(*ALIKE))
    take_exact_means(results, {"agent_episode_returns_mean": {}}, any_played=True)
    assert results["agent_episode_returns_mean"] == {"a": 2.5, "b": 2.5}


def test_what_was_not_played_has_no_mean():
    results = results_of(metrics_of(UNLIKE))
    take_exact_means(results, {}, any_played=False)
    assert math.isnan(results["episode_return_mean"])
    assert all(map(math.isnan, results["agent_episode_returns_mean"].values()))


def test_every_mean_has_its_column_before_it_is_known():
    means = unknown_means({"episode_return_mean": 3.0, "agents_mean": {"a": 1.0}, "epsilon": 0.5})
    assert repr(means) == "{'episode_return_mean': nan, 'agents_mean': {'a': nan}}"
