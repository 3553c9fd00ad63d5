"""Training with a replay buffer in several processes: the same run, and what it survives."""

import os
import signal

import pytest
import ray

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.errors import SettingError
from rllib_remix.rollout.episode_in_store import EpisodeInStore
from tests.algorithms.games import equal, tiny, weights


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "num_replay_shards: -1 is not allowed"),
        (1.5, "num_replay_shards: 1.5"),
        ("two", "num_replay_shards: 'two'"),
        (9, "num_replay_shards: 9 is more than the 8 episodes of a batch .* 0 .* … 8"),
    ],
)
def test_numbers_of_shards_that_cannot_be_are_refused(value, message):
    with pytest.raises(SettingError, match=message):
        tiny(num_replay_shards=value).validate()


def test_a_trial_asks_for_a_bundle_for_every_shard():
    config = tiny(num_replay_shards=3).env_runners(num_env_runners=1)
    bundles = QMIX.default_resource_request(config.to_dict()).bundles
    without = QMIX.default_resource_request(config.training(num_replay_shards=0).to_dict()).bundles
    assert bundles[: len(without)] == without
    assert [bundle["CPU"] for bundle in bundles[len(without) :]] == [0.1] * 3
    assert all(bundle["memory"] > 2**29 for bundle in bundles[len(without) :])


def test_of_an_environment_that_is_not_ours_the_memory_is_not_known():
    config = QMIXConfig().environment(lambda _: None).training(num_replay_shards=1)
    assert config.replay_shard_bundles() == [{"CPU": 0.1}]


def by_priority(**training):
    """Its draws depend on everything that the replay buffer does."""
    config = tiny("PERQMIX", weighting_mode="sampling", recent_episodes_share=0.25, **training)
    return config.reporting(min_sample_timesteps_per_iteration=1)


@pytest.mark.slow
def test_a_sharded_run_is_the_same_run_and_the_algorithm_reads_no_episode(build, tmp_path):
    config = by_priority(overlap_sampling=True).env_runners(num_env_runners=1)
    single, shards = build(config), build(config.copy(copy_frozen=False).training(num_replay_shards=2))
    for _ in range(5):
        for algorithm in (single, shards):
            result = algorithm.train()
    assert result["env_runners"]["weights_lag"] == 1
    assert result["replay_buffer"]["num_episodes"] == 20
    assert result["replay_buffer"]["shards_lost"] == result["replay_buffer"]["episodes_lost"] == 0
    assert equal(weights(single), weights(shards))

    # Checkpoints of either are the other's.
    shards.save_to_path(str(tmp_path / "shards"))
    single.train()
    single.restore_from_path(str(tmp_path / "shards"))
    assert len(single.replay_buffer) == 20
    single.save_to_path(str(tmp_path / "single"))
    shards.restore_from_path(str(tmp_path / "single"))
    for algorithm in (single, shards):
        algorithm._update()
    assert equal(weights(single), weights(shards))

    assert all(isinstance(episode, EpisodeInStore) for episode in shards._collect())


@pytest.mark.slow
def test_a_shard_killed_during_training_costs_its_episodes_and_nothing_else(build):
    algorithm = build(by_priority(num_replay_shards=2))  # The algorithm's own process plays.
    results = [algorithm.train() for _ in range(3)]
    assert len(algorithm.replay_buffer) == 12
    actor = algorithm.replay_buffer._shards[0].actor
    os.kill(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(actor.add_from_store.remote([]), timeout=30)
    for _ in range(600):
        results.append(algorithm.train())
        if algorithm.replay_buffer._shards[0].is_ready:
            break
    results.append(algorithm.train())

    assert [result["replay_buffer"]["shards_lost"] for result in results[:3]] == [0, 0, 0]
    last = results[-1]["replay_buffer"]
    assert last["shards_lost"] == 1
    assert last["episodes_lost"] == 6  # Those that were given to it when it was dead already are not.
    for counter in ("num_env_steps_sampled_lifetime", "training_iteration"):
        counts = [result[counter] for result in results]
        assert counts == sorted(set(counts))
    # No update was left out: the first with 8 episodes, then one for 4.
    assert algorithm.learner_group.get_state()["learner"]["weights_seq_no"] == len(results) - 1


@pytest.mark.slow
def test_a_trial_of_tune_starts_its_shards_in_its_own_bundles(ray_session, tmp_path):
    from ray import tune

    from rllib_remix import register

    register()

    (trial,) = tune.run(
        "ReMIX",
        config=tiny(num_replay_shards=1).to_dict(),
        stop={"training_iteration": 1},
        storage_path=str(tmp_path),
        callbacks=[],
        verbose=0,
    ).trials
    assert trial.status == "TERMINATED"
    assert trial.last_result["replay_buffer"]["num_episodes"] > 0
    assert trial.last_result["replay_buffer"]["shards_lost"] == 0
