import numpy as np
from ray.rllib.utils.metrics.metrics_logger import MetricsLogger

from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.metrics import EPISODE_COUNTS, EPISODE_SUMS, EpisodeMetrics


def played(team_return, **info):
    """An episode of two steps."""
    zeros = np.zeros((3, 1, 1))
    rewards = np.array([team_return, 0], np.float32)
    return TeamEpisode(zeros, zeros[:, 0], zeros > 0, zeros[:2, :, 0], rewards, True, False, info)


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
