"""Rollouts of many episodes per copy, replayed one by one with a network that has seen nothing else."""

import numpy as np
import pytest
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, WEIGHTS_SEQ_NO

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.rollout.env_runner import TeamEnvRunner
from tests.plain_play import (
    AGENTS,
    NotingGame,
    are_greedy,
    asked_for,
    input_dim,
    plain_utilities,
    strong_weights,
)

HIDDEN = 6
NETWORKS = [
    {"last_action": True, "agent_id": True, "clamp": None},
    {"last_action": True, "agent_id": False, "clamp": (-1.0, 1.5)},
    {"last_action": False, "agent_id": True, "clamp": None},
]


def runner(copies=3, *, network=NETWORKS[0], worker_index=1, explore=False, epsilon=0.0, of=0):
    """One of `of` env runners, with weights that make memory matter, and these weights."""
    config = (
        QMIXConfig()
        .environment(NotingGame)
        .env_runners(num_env_runners=of, num_envs_per_env_runner=copies, explore=explore)
        .training(
            agent_hidden_dim=HIDDEN,
            observe_last_action=network["last_action"],
            observe_agent_id=network["agent_id"],
            utility_clamp=network["clamp"],
            epsilon=epsilon,
            normalize_observations=False,
        )
    )  # Without a seed, which would make PyTorch load its compiler; the streams are set below.
    made = TeamEnvRunner(config=config, worker_index=worker_index)
    weights = strong_weights(
        input_dim(last_action=network["last_action"], agent_id=network["agent_id"]), HIDDEN
    )
    state = {f"agent.{name}": values for name, values in weights.items()}
    exploration = np.random.default_rng(0).bit_generator.state
    streams = {"worker_index": worker_index, "exploration": exploration, "env": None}
    made.set_state({COMPONENT_RL_MODULE: state, WEIGHTS_SEQ_NO: 0, "random_streams": streams})
    return made, weights


def greedy(episode, weights, network=NETWORKS[0]):
    values = plain_utilities(weights, episode.obs, episode.actions, **network)
    return are_greedy(values, episode.avail_actions, episode.actions)


@pytest.mark.parametrize("num_episodes", [None, 1, 7, 20])
def test_episodes_are_to_the_bit_what_the_game_showed_and_was_told_by_quota_and_in_order(num_episodes):
    played, _ = runner(3)
    steps_before = 0
    for call in range(3):
        episodes = played.sample(num_episodes=num_episodes)
        expected = asked_for(played.env.rounds[call], num_episodes or 3)
        assert len(episodes) == len(expected) == (num_episodes or 3)
        for episode, shown in zip(episodes, expected, strict=True):
            for name in ("obs", "state", "avail_actions", "actions", "rewards"):
                assert np.array_equal(getattr(episode, name), np.array(getattr(shown, name))), name
            assert (episode.terminated, episode.truncated) == (shown.terminated, shown.truncated)
            assert episode.info == shown.infos[-1]
            assert episode.get_return() == pytest.approx(sum(map(float, shown.rewards)), abs=1e-5)
            assert (episode.worker_index, episode.env_steps_before) == (1, steps_before)
        steps_before += sum(len(shown.rewards) for shown in expected)
    assert len(played.env.rounds) == 3  # every call began with one reset


def test_rounds_that_add_up_to_env_steps_are_whole_ones():
    played, _ = runner(2)
    episodes = played.sample(num_timesteps=30)
    expected = [shown for round_ in played.env.rounds for shown in asked_for(round_, 2)]
    assert [len(e) for e in episodes] == [len(shown.rewards) for shown in expected]
    # The last round was needed, and no other was played.
    assert sum(len(e) for e in episodes) >= 30 > sum(len(e) for e in episodes[:-2])


@pytest.mark.parametrize("network", NETWORKS, ids=["all inputs", "no id, clamped", "no last action"])
def test_greedy_actions_are_those_of_a_network_that_saw_this_episode_alone(network):
    played, weights = runner(3, network=network)
    episodes = played.sample(num_episodes=30) + played.sample(num_episodes=5)
    assert len({len(e) for e in episodes}) > 5
    for episode in episodes:
        assert greedy(episode, weights, network).all()


def test_new_weights_are_played_with_from_the_next_call_on():
    played, weights = runner(2)
    played.sample()
    newer = {f"agent.{name}": values[::-1].copy() for name, values in weights.items()}
    played.set_state({COMPONENT_RL_MODULE: newer, WEIGHTS_SEQ_NO: 1})
    newer = {name.removeprefix("agent."): values for name, values in newer.items()}
    episodes = played.sample(num_episodes=10)
    assert all(greedy(episode, newer).all() for episode in episodes)
    assert not all(greedy(episode, weights).all() for episode in episodes)


@pytest.mark.parametrize(("epsilon", "random_actions"), [(0.3, False), (0.0, True)])
def test_exploring_agents_leave_the_greedy_action_as_often_as_they_should(epsilon, random_actions):
    played, weights = runner(4, explore=True, epsilon=epsilon)
    episodes = played.sample(num_episodes=120, random_actions=random_actions)
    rate = 1.0 if random_actions else epsilon
    differ, others = [], []
    for episode in episodes:
        assert np.take_along_axis(
            episode.avail_actions[:-1], episode.actions[..., None].astype(int), -1
        ).all()
        differ.append(~greedy(episode, weights))
        # A random action is another than the best in all cases but one of those available.
        others.append(rate * (1 - 1 / episode.avail_actions[:-1].sum(-1)))
    differ, others = np.concatenate(differ), np.concatenate(others)
    for agent in range(AGENTS):
        spread = np.sqrt((others[:, agent] * (1 - others[:, agent])).sum())
        assert abs(differ[:, agent].sum() - others[:, agent].sum()) < 4 * spread


@pytest.mark.parametrize(
    ("explore", "asked", "explores"), [(True, None, True), (True, False, False), (False, True, True)]
)
def test_the_caller_decides_on_exploring_and_else_the_setting(explore, asked, explores):
    played, weights = runner(4, explore=explore, epsilon=1.0)
    episodes = played.sample(num_episodes=20, explore=asked)
    assert all(greedy(episode, weights).all() for episode in episodes) != explores


def test_epsilon_is_that_of_the_env_steps_of_all_runners():
    played, weights = runner(4, explore=True, epsilon=[[0, 1.0], [1000, 0.0]])
    for steps, epsilon in ((0, 1.0), (250, 0.75), (1000, 0.0)):
        played.set_state({NUM_ENV_STEPS_SAMPLED_LIFETIME: steps})
        episodes = played.sample(num_episodes=40)
        differ = np.concatenate([~greedy(episode, weights) for episode in episodes])
        others = np.concatenate([1 - 1 / episode.avail_actions[:-1].sum(-1) for episode in episodes])
        assert differ.sum() == pytest.approx(epsilon * others.sum(), abs=0.1 * others.sum() * (epsilon > 0))
        assert played.get_metrics()["epsilon"].peek() == pytest.approx(epsilon)


@pytest.mark.parametrize(("of", "times"), [(0, 1), (1, 1), (3, 3)])
def test_called_by_hand_an_env_runner_takes_its_env_steps_for_those_of_each_of_them(of, times):
    played, _ = runner(2, explore=True, epsilon=[[0, 1.0], [1000, 0.0]], of=of)
    steps = sum(len(episode) for episode in played.sample(num_episodes=20))
    second = played.sample()
    assert {episode.env_steps_before for episode in second} == {times * steps}
    assert played.epsilon == pytest.approx(1 - times * steps / 1000)


def test_an_env_runners_means_are_those_of_the_episodes_that_it_handed_over():
    played, _ = runner(3)
    episodes = played.sample(num_episodes=7) + played.sample(num_episodes=4)
    metrics = played.get_metrics()
    returns, lengths = [e.get_return() for e in episodes], [len(e) for e in episodes]
    expected = {
        "episode_return_mean": np.mean(returns),
        "episode_return_min": min(returns),
        "episode_return_max": max(returns),
        "episode_len_mean": np.mean(lengths),
        "episode_len_min": min(lengths),
        "episode_len_max": max(lengths),
        "score_mean": np.mean([e.info["score"] for e in episodes]),
        "luck_mean": np.mean([e.info["luck"] for e in episodes]),
        "num_episodes": 11,
        "num_episodes_lifetime": 11,
        NUM_ENV_STEPS_SAMPLED_LIFETIME: sum(lengths),
    }
    for name, value in expected.items():
        assert metrics[name].peek() == pytest.approx(value, rel=1e-5), name
    assert metrics["num_agent_steps_sampled_lifetime"]["default_agent"].peek() == AGENTS * sum(lengths)
