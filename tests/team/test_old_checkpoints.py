"""A trial's checkpoint from before algorithms, learners and networks had the names and places of now."""

import pickletools
import re
import sys
import tarfile
from importlib import import_module
from pathlib import Path

import pytest
import ray
from ray.rllib.algorithms.algorithm import Algorithm

from rllib_remix import QMIX, VDN, ReMIX, ReMIXConfig
from rllib_remix.algorithms.table import algorithm_class
from rllib_remix.checkpoints.portable import read_weights
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.experiments.result_keys import flattened
from rllib_remix.moved import MOVED, RENAMED
from rllib_remix.ray_releases import release_of
from rllib_remix.value_based.learner import ValueLearner
from rllib_remix.value_based.rl_module import ValueRLModule
from tests.algorithms.games import VALUE_BASED, weights

PACKED = Path(__file__).parent / "checkpoint_of_a_trial.tar.gz"
SIZES = {"agent_hidden_dim": 4, "mixer_embed_dim": 2, "hypernet_hidden_dim": 2, "q_star_hidden_dim": 4}

# What checkpoints, plans, records and errors of runs name of each module that has moved.
PICKLED = {
    "rllib_remix.algorithms.nonfinite": "NotFiniteError",
    "rllib_remix.algorithms.saved": "SavedAlgorithm",
    "rllib_remix.checkpoint_files": "CheckpointError",
    "rllib_remix.cli.experiments": "Checkpoints Experiment",
    "rllib_remix.cli.interrupt": "_that_of_this_process",
    "rllib_remix.cli.loggers": "Loggers",
    "rllib_remix.cli.on_workers": "mean_std_filter mean_std_filter_of_agents policy_of_agent",
    "rllib_remix.cli.plan": "Plan",
    "rllib_remix.cli.samplers": "clip_to_ranges",
    "rllib_remix.cli.schedulers": "Scheduler",
    "rllib_remix.cli.searching": "Search",
    "rllib_remix.learner": "",  # see RENAMED
    "rllib_remix.rl_module": "",
    "rllib_remix.envs.smac_sim.world": "World",
    "rllib_remix.tuning": "",  # the package of the next
    "rllib_remix.tuning.storage": "DurableStorage Patience StateSyncer",
}

READS_IT = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or release_of(ray.__version__) < (2, 60),
    reason="it holds code of Python 3.11 and Ray 2.60",
)


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


@READS_IT
@pytest.mark.parametrize("made_by", [ReMIX, QMIX])
def test_it_becomes_an_algorithm_of_the_classes_of_now_and_trains_on(build, checkpoint, made_by):
    algorithm = made_by.from_checkpoint(checkpoint)
    try:
        assert type(algorithm) is ReMIX
        assert type(algorithm.learner_group._learner) is ValueLearner
        assert type(algorithm.learner_group._learner.module["default_policy"]) is ValueRLModule
        assert is_as_saved(algorithm, checkpoint)
        assert len(algorithm.replay_buffer) == 16
        assert algorithm.train()["training_iteration"] == 4
    finally:
        algorithm._monitor.join = lambda: None
        algorithm.stop()


@READS_IT
def test_rllibs_own_method_which_takes_the_defaults_of_now_says_what_differs(checkpoint):
    with pytest.raises(
        CheckpointError, match="normalize_observations is False there and True here; load it with"
    ):
        Algorithm.from_checkpoint(checkpoint)


@READS_IT
def test_it_is_no_checkpoint_of_another_algorithm(checkpoint):
    with pytest.raises(ValueError, match=r"was made by ReMIX, not by VDN\.$"):
        VDN.from_checkpoint(checkpoint)


@pytest.mark.parametrize("algorithm", VALUE_BASED)
def test_every_method_that_it_names_is_there_in_all_that_stand_on_qmix(checkpoint, algorithm):
    pickled = (checkpoint / "class_and_ctor_args.pkl").read_bytes()
    texts = {str(argument) for _, argument, _ in pickletools.genops(pickled)}
    methods = [text.removeprefix("QMIX.") for text in texts if re.fullmatch(r"QMIX\.\w+", text)]
    assert len(methods) > 20
    assert [name for name in methods if not hasattr(algorithm_class(algorithm), name)] == []


def test_it_is_restored_into_an_algorithm_that_was_built(build, checkpoint):
    config = ReMIXConfig().environment("matrix_game").env_runners(num_envs_per_env_runner=2)
    config.training(train_batch_episodes=8, replay_buffer_capacity=16, normalize_observations=False, **SIZES)
    config.reporting(min_sample_timesteps_per_iteration=100)
    algorithm = build(config)
    fresh = algorithm.train()
    assert not is_as_saved(algorithm, checkpoint)
    algorithm.restore_from_path(checkpoint)
    assert is_as_saved(algorithm, checkpoint)
    result = algorithm.train()
    assert result["training_iteration"] == 4
    of_learner = [flattened(each["learners"]).keys() for each in (result, fresh)]
    assert of_learner[0] == of_learner[1]


def test_it_is_played_by_the_command(rllib, checkpoint):
    played = rllib("evaluate", checkpoint, "--episodes", 4)
    assert played.exit_code == 0, played.output
    assert "ReMIX on matrix_game, 4 greedy episodes" in played.stdout


def test_every_name_that_has_changed_is_found_under_the_old_one():
    for (module, name), name_now in RENAMED.items():
        assert getattr(import_module(module), name).__name__ == name_now


@pytest.mark.parametrize("module", MOVED)
def test_what_pickles_name_in_a_module_that_has_moved_is_found_there(module):
    there = import_module(MOVED[module])
    for name in PICKLED[module].split():
        assert getattr(import_module(module), name) is getattr(there, name)
