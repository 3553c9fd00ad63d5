"""Checkpoints resume exactly, and bad ones change nothing."""

import json
import shutil

import numpy as np
import pytest
from ray.rllib.algorithms.algorithm import Algorithm

from rllib_remix import playing
from rllib_remix.checkpoints.exporting import export
from rllib_remix.checkpoints.manifest import check_files
from rllib_remix.checkpoints.portable import read_weights
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.checkpoints.team import read_metadata
from rllib_remix.envs.registry import make_team_env
from rllib_remix.policy import TeamPolicy
from tests.algorithms.games import OTHERS, TINY, UNLIKE_QMIX, equal, tiny, weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        ("ReMIX", {}),
        ("ReMIX", {"weighting_mode": "sampling", "prioritized_replay_beta": [[0, 0.1], [1000, 1.0]]}),
        ("ReMIX", {"share_parameters": {"a": ["agent_0", "agent_2"], "b": ["agent_1"]}}),
        ("ReMIX", {"max_seq_len": 4, "burn_in": 3}),
        ("ReMIX", {"num_threads_per_learner": 2}),
        *((name, {}) for name in (*UNLIKE_QMIX, *OTHERS)),
    ],
)
def test_a_resumed_run_ends_in_the_same_state_as_one_that_was_not_stopped(
    build, tmp_path, algorithm, settings
):
    schedules = {"epsilon": [[0, 1.0], [1000, 0.1]], "lr": [[0, 1e-3], [1000, 1e-4]]}
    whole = build(tiny(algorithm, **schedules, **settings))
    for _ in range(3):
        whole.train()
    whole.save_to_path(str(tmp_path / "half"))
    for _ in range(3):
        uninterrupted = whole.train()
    resumed = Algorithm.from_checkpoint(str(tmp_path / "half"))
    try:
        for _ in range(3):
            result = resumed.train()
        assert equal(weights(whole), weights(resumed))
        for path in (
            ("num_env_steps_sampled_lifetime",),
            ("training_iteration",),
            ("env_runners", "episode_return_mean"),
            ("env_runners", "epsilon"),
            ("env_runners", "num_episodes_lifetime"),
            ("learners", "default_policy", "total_loss"),
        ):
            one, other = uninterrupted, result
            for key in path:
                one, other = one[key], other[key]
            assert one == other, path
        mine, theirs = whole.replay_buffer.get_state(), resumed.replay_buffer.get_state()
        assert mine["rng"] == theirs["rng"]
        assert equal(mine["arrays"], theirs["arrays"])
        np.testing.assert_equal(mine.get("priorities"), theirs.get("priorities"))
        optimizers = [a.learner_group.get_state()["learner"]["optimizer"] for a in (whole, resumed)]
        np.testing.assert_equal(*optimizers)
    finally:
        resumed.stop()


@pytest.mark.parametrize("algorithm", ["ReMIX", *OTHERS])
def test_with_remote_workers_a_restored_run_plays_with_the_restored_weights_at_once(
    build, tmp_path, algorithm
):
    trained = build(tiny(algorithm, seed=None).env_runners(num_env_runners=2))
    for _ in range(2):
        trained.train()
    trained.save_to_path(str(tmp_path / "c"))
    restored = build(
        tiny(algorithm, seed=None).env_runners(num_env_runners=2).evaluation(evaluation_interval=1)
    )
    restored.restore_from_path(str(tmp_path / "c"))
    expected = {name: value for name, value in weights(trained).items() if name.startswith("agent.")}
    for group in (restored.env_runner_group, restored.eval_env_runner_group):
        for state in group.foreach_env_runner(
            lambda r: (r.module.get_state(), r.num_env_steps_sampled_lifetime)
        ):
            assert equal(state[0], expected)
    steps = restored.env_runner_group.foreach_env_runner(
        lambda r: r.num_env_steps_sampled_lifetime, local_env_runner=False
    )
    lifetime = trained.metrics.peek(("env_runners", "num_env_steps_sampled_lifetime"))
    assert steps == [lifetime, lifetime]
    assert len(restored.replay_buffer) == len(trained.replay_buffer)
    result = restored.train()
    assert result["num_env_steps_sampled_lifetime"] > lifetime


@pytest.fixture(scope="module")
def checkpoint(ray_session, tmp_path_factory):
    algorithm = tiny().build_algo()
    algorithm.train()
    path = algorithm.save_to_path(str(tmp_path_factory.mktemp("checkpoint") / "c"))
    algorithm.stop()
    return path


def test_a_checkpoint_says_what_it_is(checkpoint):
    with open(f"{checkpoint}/rllib_checkpoint.json") as file:
        metadata = json.load(file)
    assert metadata["algorithm"] == "ReMIX"
    assert metadata["environment"] == "predator_prey"
    assert metadata["env_config"] == TINY
    assert metadata["team"]["n_agents"] == 3


def test_a_checkpoint_of_another_algorithm_is_refused(build, checkpoint):
    algorithm = build(tiny("QMIX"))
    before = weights(algorithm)
    with pytest.raises(CheckpointError, match="was made by ReMIX, not by QMIX"):
        algorithm.restore_from_path(checkpoint)
    assert equal(before, weights(algorithm))


def test_a_checkpoint_of_a_team_of_other_sizes_is_refused(build, checkpoint):
    algorithm = build(tiny().environment(env_config=TINY | {"num_predators": 4}))
    with pytest.raises(CheckpointError, match="n_agents = 3, this environment has 4"):
        algorithm.restore_from_path(checkpoint)


@pytest.mark.parametrize(
    "file",
    [
        "rllib_checkpoint.json",
        "portable/weights.safetensors",
        "learner_group/learner/state.pkl",
        "replay_buffer/index.json",
        "algorithm_state.pkl",
    ],
)
def test_a_truncated_checkpoint_is_refused_with_one_clear_error(build, checkpoint, tmp_path, file):
    damaged = tmp_path / "damaged"
    shutil.copytree(checkpoint, damaged)
    content = (damaged / file).read_bytes()
    (damaged / file).write_bytes(content[: len(content) // 2])
    algorithm = build(tiny())
    before = weights(algorithm)
    with pytest.raises(CheckpointError, match="damaged"):
        algorithm.restore_from_path(str(damaged))
    assert equal(before, weights(algorithm))


def test_a_checkpoint_with_changed_content_is_refused_before_anything_changes(build, checkpoint, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(checkpoint, damaged)
    (file,) = (damaged / "replay_buffer").glob("episodes_*")
    content = bytearray(file.read_bytes())
    content[-200:] = bytes(200)
    file.write_bytes(content)
    algorithm = build(tiny())
    before = weights(algorithm)
    with pytest.raises(CheckpointError, match="not what was written"):
        algorithm.restore_from_path(str(damaged))
    assert equal(before, weights(algorithm))


@pytest.mark.parametrize("algorithm", ["Qatten", "QPLEX", "QTRAN", "IQL"])
def test_a_team_of_every_joint_value_is_exported_without_pickle_and_plays(build, tmp_path, algorithm):
    trained = build(tiny(algorithm))
    trained.train()
    saved = trained.save_to_path(str(tmp_path / "c"))
    exported = export(saved, tmp_path / "exported").folder
    assert equal(read_weights(exported), weights(trained))
    assert playing.evaluate(exported, 4)["num_episodes"] == 4
    policies = [TeamPolicy.from_checkpoint(folder) for folder in (saved, exported)]
    step = make_team_env("predator_prey", TINY, num_envs=2).reset(seed=0)
    for policy in policies:
        policy.reset(num_envs=2)
    assert np.array_equal(*(policy.act(step) for policy in policies))


def test_relative_paths_and_file_addresses_work_and_remote_ones_are_refused(build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    algorithm = build(tiny())
    algorithm.save_to_path("my_checkpoint")
    algorithm.restore_from_path("my_checkpoint")
    algorithm.restore_from_path(f"file://{tmp_path}/my_checkpoint")
    assert TeamPolicy.from_checkpoint("my_checkpoint").algorithm == "ReMIX"
    with pytest.raises(CheckpointError, match="only local folders"):
        algorithm.save_to_path("s3://bucket/my_checkpoint")


def test_a_state_in_memory_does_not_change_with_the_algorithm(build):
    algorithm = build(tiny())
    algorithm.train()
    state = algorithm.get_state()
    before = {name: array.copy() for name, array in state["replay_buffer"]["arrays"].items()}
    algorithm.train()
    algorithm.train()
    assert equal(state["replay_buffer"]["arrays"], before)


def test_a_folder_that_is_no_checkpoint_is_refused(build, tmp_path):
    with pytest.raises(CheckpointError, match=r"no rllib_checkpoint\.json"):
        build(tiny()).restore_from_path(str(tmp_path))


def test_the_policy_acts_like_the_module_without_the_algorithm(build, checkpoint):
    policy = TeamPolicy.from_checkpoint(checkpoint)
    assert (policy.algorithm, policy.environment) == ("ReMIX", "predator_prey")
    algorithm = build(tiny())
    algorithm.restore_from_path(checkpoint)
    runner = algorithm.env_runner
    episodes = runner.sample(num_episodes=4, explore=False)
    # Replay what the env runner saw: the policy must choose the same actions.
    for episode in episodes:
        policy.reset(num_envs=1)
        for t in range(len(episode)):
            actions = policy._actor.act(episode.obs[t][None], episode.avail_actions[t][None])
            assert np.array_equal(actions[0], episode.actions[t])


def test_the_policy_forgets_where_an_episode_begins(checkpoint):
    policy = TeamPolicy.from_checkpoint(checkpoint)
    env = make_team_env("predator_prey", TINY, num_envs=2)
    step = env.reset(seed=0)
    policy.reset(num_envs=2)
    fresh = policy.act(step)
    for _ in range(3):
        policy.act(step)
    assert np.array_equal(policy.act(step, first=np.array([True, True])), fresh)


def test_a_checkpoint_with_other_networks_is_refused_with_the_setting_and_nothing_changes(build, tmp_path):
    saved = build(tiny("QMIX", weighting="per"))
    saved.save_to_path(str(tmp_path / "c"))
    for settings, message in (
        ({"weighting": "uniform"}, r"weighting \(whether it needs Q\*\) is True there and False here"),
        ({"weighting": "per", "agent_hidden_dim": 32}, "agent_hidden_dim is 64 there and 32 here"),
    ):
        other = build(tiny("QMIX", **settings))
        before = weights(other)
        with pytest.raises(CheckpointError, match=message):
            other.restore_from_path(str(tmp_path / "c"))
        assert equal(weights(other), before)


def test_priorities_of_another_weighting_are_forgotten(build, tmp_path):
    saved = build(tiny("QMIX", weighting="per", weighting_mode="sampling"))
    saved.train()
    saved.save_to_path(str(tmp_path / "c"))
    same, default_written_out, other = (
        build(tiny("QMIX", weighting=name, weighting_config=config, weighting_mode="sampling"))
        for name, config in (("per", {}), ("per", {"alpha": 0.6}), ("discor", {}))
    )
    for algorithm in (same, default_written_out, other):
        algorithm.restore_from_path(str(tmp_path / "c"))
    for algorithm in (same, default_written_out):
        assert (algorithm.replay_buffer.priorities == saved.replay_buffer.priorities).all()
    assert (other.replay_buffer.priorities == 1).all()
    assert len(other.replay_buffer) == len(saved.replay_buffer)


def test_saving_twice_to_one_folder_replaces_the_checkpoint_but_no_file_of_the_users(build, tmp_path):
    algorithm = build(tiny("QMIX"))
    algorithm.train()
    algorithm.save_to_path(tmp_path / "mine")
    algorithm.train()
    algorithm.save_to_path(tmp_path / "mine")
    check_files(tmp_path / "mine")
    assert read_metadata(tmp_path / "mine")["training_iteration"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    algorithm.save_to_path(tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_a_full_disk_leaves_the_checkpoint_that_is_there(build, tmp_path, monkeypatch):
    algorithm = build(tiny("QMIX"))
    algorithm.train()
    algorithm.save_to_path(tmp_path / "mine")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rllib_remix.team.saved.write_manifest", full)
    with pytest.raises(OSError, match="No space left"):
        algorithm.save_to_path(tmp_path / "mine")
    check_files(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_after_another_state_was_set_its_episodes_are_saved_and_not_those_of_the_save_before(
    build, tmp_path, monkeypatch
):
    monkeypatch.setattr("rllib_remix.replay.chunks.CHUNK_EPISODES", 4)
    algorithm, other = build(tiny("QMIX")), build(tiny("QMIX", seed=1))
    algorithm.train(), other.train()
    algorithm.save_to_path(tmp_path / "a")
    algorithm.set_state(other.get_state())
    algorithm.save_to_path(tmp_path / "b")
    restored = build(tiny("QMIX"))
    restored.restore_from_path(tmp_path / "b")
    saved, expected = (each.replay_buffer.get_state()["arrays"] for each in (restored, other))
    assert equal(saved, expected)
