"""A trial's checkpoint from before algorithms, learners and networks had the names and places of now."""

import sys
import tarfile
from pathlib import Path

import pytest

from rllib_remix import QMIX, VDN, ReMIX, ReMIXConfig
from rllib_remix.checkpoints.portable import read_weights
from rllib_remix.moved import MOVED, RENAMED
from rllib_remix.value_based.learner import ValueLearner
from rllib_remix.value_based.rl_module import ValueRLModule
from tests.algorithms.games import weights

PACKED = Path(__file__).parent / "checkpoint_of_a_trial.tar.gz"
SIZES = {"agent_hidden_dim": 4, "mixer_embed_dim": 2, "hypernet_hidden_dim": 2, "q_star_hidden_dim": 4}


@pytest.fixture
def checkpoint(tmp_path):
    with tarfile.open(PACKED) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "checkpoint_000002"


def is_as_saved(algorithm, checkpoint):
    saved = read_weights(checkpoint)
    here = weights(algorithm)
    assert saved.keys() == here.keys()
    return all((saved[name] == here[name]).all() for name in saved)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Ray pickled code of Python 3.11 with it")
def test_it_becomes_an_algorithm_of_the_classes_of_now_and_trains_on(build, checkpoint):
    for made_by in (ReMIX, QMIX):
        algorithm = made_by.from_checkpoint(checkpoint)
        try:
            assert type(algorithm) is ReMIX
            assert type(algorithm.learner_group._learner) is ValueLearner
            assert type(algorithm.learner_group._learner.module["default_policy"]) is ValueRLModule
            assert is_as_saved(algorithm, checkpoint)
            assert len(algorithm.replay_buffer) == 16
            assert algorithm.train()["training_iteration"] == 4
        finally:
            algorithm.stop()
    with pytest.raises(ValueError, match=r"was made by ReMIX, not by VDN\.$"):
        VDN.from_checkpoint(checkpoint)


def test_it_is_restored_into_an_algorithm_that_was_built(build, checkpoint):
    config = ReMIXConfig().environment("matrix_game").env_runners(num_envs_per_env_runner=2)
    config.training(train_batch_episodes=8, replay_buffer_capacity=16, **SIZES)
    config.reporting(min_sample_timesteps_per_iteration=100)
    algorithm = build(config)
    assert not is_as_saved(algorithm, checkpoint)
    algorithm.restore_from_path(checkpoint)
    assert is_as_saved(algorithm, checkpoint)
    assert algorithm.train()["training_iteration"] == 4


def test_it_is_played_by_the_command(rllib, checkpoint):
    played = rllib("evaluate", checkpoint, "--episodes", 4)
    assert played.exit_code == 0, played.output
    assert "ReMIX on matrix_game, 4 greedy episodes" in played.stdout


def test_every_name_that_has_changed_is_found_under_the_old_one():
    for (module, name), name_now in RENAMED.items():
        assert getattr(__import__(module, fromlist=[name]), name).__name__ == name_now
    for module in MOVED:
        __import__(module)
