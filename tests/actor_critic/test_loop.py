"""The on-policy loop: every update learns from what the newest weights have played, and from nothing else."""

import numpy as np
import pytest

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.team.sampling import Rounds
from tests.algorithms.games import TINY, equal, weights
from tests.plain_play import NotingGame
from tests.team.runners_here import RunnersHere


def on_policy(batch=6, copies=2, **training):
    settings = {"train_batch_episodes": batch, "agent_hidden_dim": 6, "lr": 0.05} | training
    return (
        get_algorithm_config("VDAC")
        .environment(NotingGame)
        .env_runners(num_envs_per_env_runner=copies)
        .training(**settings)
        .reporting(min_sample_timesteps_per_iteration=1)
        .debugging(seed=0)
    )


class Watched:
    """An algorithm, and with which weights every episode was played and learned."""

    def __init__(self, algorithm, runners=0):
        self.algorithm, self.updates = algorithm, []
        self.played_with: list[int] = []  # of every episode, how many updates there were
        if runners:
            self.group = RunnersHere(algorithm.config, runners)
            algorithm._rounds = Rounds(self.group, algorithm.config, algorithm._runner_state)
        add, update = algorithm.replay_buffer.add, algorithm.learner_group.update

        def noted_add(episodes):
            self.played_with += [len(self.updates)] * len(episodes)
            return add(episodes)

        def noted_update(*args, **kwargs):
            self.updates.append(sorted(kwargs["batch"]["default_policy"]["numbers"].tolist()))
            return update(*args, **kwargs)

        algorithm.replay_buffer.add, algorithm.learner_group.update = noted_add, noted_update

    def check(self):
        """No episode was learned after an update that came after it, and none twice."""
        learned = [number for batch in self.updates for number in batch]
        assert len(learned) == len(set(learned))
        for update, batch in enumerate(self.updates):
            assert {self.played_with[number] for number in batch} == {update}


@pytest.mark.parametrize(("batch", "copies", "runners"), [(6, 2, 0), (5, 4, 0), (6, 2, 2), (7, 8, 3)])
def test_a_round_is_a_batch_which_is_all_that_is_kept_and_is_learned_once(build, batch, copies, runners):
    watched = Watched(build(on_policy(batch, copies)), runners)
    for _ in range(4):
        watched.algorithm.training_step()
    assert [len(each) for each in watched.updates] == [batch] * 4
    assert watched.updates == [list(range(first, first + batch)) for first in range(0, 4 * batch, batch)]
    assert len(watched.algorithm.replay_buffer) == batch
    watched.check()


def test_what_a_lost_env_runner_did_not_bring_is_played_with_the_same_weights(build):
    watched = Watched(build(on_policy(6)), 2)
    second = watched.group.runners.pop()
    for _ in range(2):
        watched.algorithm.training_step()  # 3 episodes, then 3 more
    assert len(watched.updates) == 1
    watched.algorithm.training_step()  # 3
    watched.group.runners.append(second)
    watched.algorithm.training_step()  # 6: with those before 9, of which the newest 6 are learned
    watched.algorithm.training_step()
    watched.group.runners.pop()
    watched.algorithm.training_step()  # 3, which the 3 that were left over do not make a batch
    assert [len(each) for each in watched.updates] == [6, 6, 6]
    watched.check()


@pytest.mark.parametrize("runners", [0, 2])
def test_every_round_is_played_with_the_newest_weights(build, runners):
    watched = Watched(build(on_policy(6)), runners)
    algorithm = watched.algorithm
    players = watched.group.runners if runners else [algorithm.env_runner]
    for _ in range(3):
        newest = {k: v for k, v in weights(algorithm).items() if k.startswith("agent.")}
        algorithm._collect()
        for player in players:
            assert equal(player.module.get_state(), newest)
        algorithm.training_step()
        assert algorithm._rounds.weights_lag == 0


def test_results_have_all_keys_from_the_first_on(build):
    algorithm = build(
        get_algorithm_config("VDAC")
        .environment("predator_prey", env_config=dict(TINY))
        .training(train_batch_episodes=40)
        .env_runners(num_envs_per_env_runner=4)
        .reporting(min_sample_timesteps_per_iteration=40)
    )
    keys = algorithm.learner_result_keys()
    learner = algorithm.train()["learners"]["default_policy"]
    assert {"policy_loss", "value_loss", "entropy", "advantage_std", "grad_norm"} <= set(keys)
    assert all(np.isfinite(learner[key]) for key in keys)
    assert 0 < learner["entropy"] < np.log(6)
