"""How the env runners of actor-critics play: when they draw, and how much of a batch is theirs."""

import numpy as np
import pytest

from rllib_remix.actor_critic.env_runner import ActorCriticEnvRunner, OnPolicyEnvRunner, share_of_batch
from rllib_remix.algorithms.vdac import VDACConfig
from tests.actor_critic.separate_critic import CentralConfig
from tests.rollout.test_env_runner import same


def config(copies=4, *, made_by=VDACConfig, runners=0, **training):
    settings = made_by().environment("matrix_game").debugging(seed=0).training(**training)
    return settings.env_runners(num_envs_per_env_runner=copies, num_env_runners=runners)


def runner(copies=4, *, worker_index=0, **settings):
    return OnPolicyEnvRunner(config=config(copies, **settings), worker_index=worker_index)


def joint_actions(episodes):
    return {tuple(episode.actions[0].tolist()) for episode in episodes}


def test_agents_draw_in_training_and_are_greedy_in_evaluation():
    player = runner(copies=8, train_batch_episodes=40)
    assert len(joint_actions(player.sample(num_episodes=60))) > 4  # of 9
    assert len(joint_actions(player.sample(num_episodes=60, explore=False))) == 1
    assert player.epsilon == 0.0


def test_they_draw_in_evaluation_too_if_that_is_set():
    player = runner(copies=8, train_batch_episodes=40, actions_in_evaluation="sampled", epsilon=1.0)
    assert len(joint_actions(player.sample(num_episodes=60, explore=False))) > 4
    assert player.epsilon == 0.0  # without ε


def test_the_evaluation_of_rllib_follows_the_setting():
    for actions, drawn in (("greedy", False), ("sampled", True)):
        settings = config(8, actions_in_evaluation=actions).evaluation(evaluation_interval=1)
        player = OnPolicyEnvRunner(config=settings.get_evaluation_config_object(), worker_index=0)
        assert (len(joint_actions(player.sample(num_episodes=60))) > 1) is drawn


def test_one_seed_gives_the_same_draws_twice_and_the_state_continues_them():
    one, other = runner(epsilon=0.3), runner(epsilon=0.3)
    assert same(one.sample(), other.sample())
    continued = runner(epsilon=0.3)
    continued.set_state(one.get_state())
    expected = one.sample(num_episodes=30)
    assert same(continued.sample(num_episodes=30), expected)
    assert len(joint_actions(expected)) > 1


@pytest.mark.parametrize(
    ("batch", "runners", "shares"), [(8, 0, [8]), (8, 2, [4, 4]), (8, 3, [3, 3, 2]), (3, 3, [1, 1, 1])]
)
def test_the_env_runners_share_a_batch_out(batch, runners, shares):
    settings = config(2, runners=runners, train_batch_episodes=batch)
    indices = range(1, runners + 1) if runners else [0]
    assert [share_of_batch(settings, index) for index in indices] == shares
    for index, share in zip(indices, shares, strict=True):
        assert len(OnPolicyEnvRunner(config=settings, worker_index=index).sample()) == share


def test_there_are_no_more_copies_than_episodes_to_play_but_for_evaluation():
    settings = config(8, runners=2, train_batch_episodes=6).evaluation(evaluation_interval=1)
    player = OnPolicyEnvRunner(config=settings, worker_index=1)
    assert player.env.num_envs == 3
    assert settings.num_envs_per_env_runner == 8
    assert player.get_ctor_args_and_kwargs()[1]["config"].num_envs_per_env_runner == 3
    evaluating = OnPolicyEnvRunner(config=settings.get_evaluation_config_object(), worker_index=1)
    assert evaluating.env.num_envs == len(evaluating.sample()) == 8


def test_copies_that_are_fewer_play_several_episodes():
    player = runner(copies=2, train_batch_episodes=5)
    assert player.env.num_envs == 2
    assert len(player.sample()) == 5


def test_from_replay_every_copy_plays_one_episode():
    player = ActorCriticEnvRunner(config=config(4, made_by=CentralConfig), worker_index=0)
    assert len(player.sample()) == 4
    assert np.isfinite(player.epsilon)
