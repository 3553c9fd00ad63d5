"""Searches through the real command, on an algorithm whose return is a known function of its learning rate."""

import json
import struct
from pathlib import Path

import pandas
import planted
import pytest
import ray.cloudpickle
from ray import tune

from rllib_remix import ReMIXConfig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]

PLANTED = ("train", "--algo", "planted.Planted", "--env", "CartPole-v1", "--storage-path", "results")


@pytest.fixture(autouse=True)
def planted_travels_by_value():
    """Workers cannot import it: they do not have the tests' folder."""
    ray.cloudpickle.register_pickle_by_value(planted)
    yield
    ray.cloudpickle.unregister_pickle_by_value(planted)


def trials(name="default"):
    """Of every trial its last result, in the order in which they began."""
    files = sorted(
        Path("results", name).glob("*/result.json"), key=lambda file: file.parent.name.split("_")[4]
    )
    return [json.loads(file.read_text().splitlines()[-1]) for file in files]


def test_asha_stops_worse_trials_at_the_first_rung(rllib):
    # One at a time and the best one first: each later one is below the cutoff wherever it is looked at.
    result = rllib(
        *PLANTED,
        *("--config", {"lr": {"grid_search": [4.0, 3.0, 2.0, 1.0]}}, "--stop", {"training_iteration": 9}),
        *("--scheduler", "ASHA", "--scheduler-config", {"grace_period": 3}, "--max-concurrent", 1),
    )
    assert result.exit_code == 0, result.output
    assert [(trial["lr"], trial["training_iteration"]) for trial in trials()] == [
        (4, 9),
        (3, 3),
        (2, 3),
        (1, 3),
    ]
    assert "best of 4 by env_runners/episode_return_mean: 36.00" in result.output


def test_pbt_copies_the_better_trial_and_changes_its_learning_rate(rllib):
    scheduler = {
        "synch": True,  # all trials wait for each other: the worst is known at every perturbation
        "perturbation_interval": 300,
        "quantile_fraction": 0.5,
        "resample_probability": 0,
        "hyperparam_mutations": {"lr": {"uniform": [0.5, 2.0]}},
    }
    result = rllib(
        *PLANTED,
        *("--config", {"lr": {"grid_search": [1.0, 2.0]}}, "--stop", {"num_env_steps_sampled_lifetime": 600}),
        *("--scheduler", "pbt", "--scheduler-config", scheduler),
    )
    assert result.exit_code == 0, result.output
    worse, better = trials()
    assert better["lr"] == 2.0
    # 2 times 0.8, or times 1.2 and then back to the end of the range.
    assert worse["lr"] in (1.6, 2.0)
    # Three iterations of the better one, then three of its own.
    assert worse["env_runners"]["episode_return_mean"] == pytest.approx(6 + 3 * worse["lr"])
    assert worse["num_env_steps_sampled_lifetime"] == 600
    assert Path("results/default/pbt_global.txt").is_file()


def test_a_copied_trial_of_a_team_learns_with_its_own_settings(tmp_path):
    # What Tune does when PBT copies a trial: a new process with new settings restores the other trial's checkpoint.
    def build(lr, epsilon, min_weight):
        config = ReMIXConfig().environment("matrix_game").reporting(min_sample_timesteps_per_iteration=16)
        weighting = {"min_weight": min_weight}
        return config.training(
            lr=lr, epsilon=epsilon, weighting_config=weighting, train_batch_episodes=8
        ).build_algo()

    donor = build(1e-3, 0.9, 0.1)
    donor.train()
    checkpoint = donor.save_to_path(tmp_path / "donor")
    donor.stop()
    copy = build(5e-4, 0.3, 0.6)
    copy.restore_from_path(checkpoint)
    result = copy.train()
    copy.stop()
    assert result["num_env_steps_sampled_lifetime"] == 32
    assert result["env_runners"]["epsilon"] == 0.3
    learner = result["learners"]["default_policy"]
    assert learner["default_optimizer_learning_rate"] == pytest.approx(5e-4)
    assert learner["weight_min"] == pytest.approx(0.6)


def test_optuna_finds_the_better_half_of_the_range(rllib):
    result = rllib(
        *PLANTED,
        *("--config", {"lr": {"uniform": [0.0001, 1.0]}}, "--stop", {"training_iteration": 1}),
        *("--search", "optuna", "--search-config", {"seed": 0}, "--num-samples", 24, "--max-concurrent", 1),
    )
    assert result.exit_code == 0, result.output
    drawn = [trial["lr"] for trial in trials()]
    later = drawn[10:]  # the first ten are random, as Optuna begins
    assert len(drawn) == 24
    assert sum(lr > 0.5 for lr in later) >= 0.8 * len(later)
    assert max(drawn) > 0.9


def test_results_can_be_read_by_tune_pandas_and_tensorboard(rllib):
    result = rllib(
        *("train", "--algo", "ReMIX", "--env", "matrix_game", "--storage-path", "results", "-n", "read"),
        *("--config", {"train_batch_episodes": 8, "evaluation_interval": 1, "evaluation_duration": 8}),
        *("--stop", {"training_iteration": 1}),
    )
    assert result.exit_code == 0, result.output
    analysis = tune.ExperimentAnalysis(str(Path("results/read").absolute()))
    assert list(analysis.dataframe()["training_iteration"]) == [1]
    grid = tune.ResultGrid(analysis)
    assert grid[0].metrics["evaluation"]["env_runners"]["num_episodes"] == 8
    (folder,) = Path("results/read").glob("ReMIX_*")
    columns = pandas.read_csv(folder / "progress.csv").columns
    assert {
        "evaluation/env_runners/episode_return_mean",
        "learners/default_policy/td_loss",
        "learners/default_policy/weight_mean",
    } <= set(columns)
    tags = tensorboard_tags(folder)
    assert "ray/tune/evaluation/env_runners/episode_return_mean" in tags
    assert "ray/tune/learners/default_policy/td_loss" in tags


def tensorboard_tags(folder):
    """Names of all values in a folder's event file; a record is its length, a checksum, the event, a checksum."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = folder.glob("events.out.tfevents.*")
    content, tags = file.read_bytes(), set()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = Event.FromString(content[12 : 12 + length])
        tags |= {value.tag for value in event.summary.value}
        content = content[12 + length + 4 :]
    return tags
