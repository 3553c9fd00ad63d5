"""What agents see, from the environment to the networks that learn and play: images, the time, normalised numbers."""

import json

import numpy as np
import pytest
import torch
from ray.rllib.algorithms.algorithm import Algorithm

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.checkpoints.exporting import export
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.checkpoints.team import read_metadata
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.models.packing import AgentPacking
from rllib_remix.policy import TeamPolicy
from rllib_remix.replay.layout import bytes_of_episode
from rllib_remix.rollout.building import build_team_env
from rllib_remix.team import batch_memory
from rllib_remix.team.batch_memory import bytes_seen_of_episode, check_batch_memory
from tests.algorithms.games import equal, tiny, weights
from tests.team.pictures import LIMIT, Pictures

SHAPE = (6, 8, 3)
ADAPTED = {"team_adapter": {"state": "observations", "episode_limit": LIMIT}}
ALL = {"observe_time": True, "normalize_observations": True}


def pictures(algorithm="QMIX", *, steps=100, env_config=None, **training):
    small = {"agent_hidden_dim": 16, "hypernet_hidden_dim": 8, "mixer_embed_dim": 4, "q_star_hidden_dim": 16}
    return (
        get_algorithm_config(algorithm)
        .environment(Pictures, env_config=ADAPTED | (env_config or {}))
        .env_runners(num_envs_per_env_runner=8)
        .training(**({"train_batch_episodes": 32, "replay_buffer_capacity": 500} | small | training))
        .reporting(min_sample_timesteps_per_iteration=steps)
        .debugging(seed=0)
    )


def module(algorithm):
    return algorithm.learner_group._learner.module["default_policy"]


def test_an_image_is_announced_with_its_shape_and_kept_as_flat_uint8(build):
    algorithm = build(pictures())
    assert algorithm.team_spec.obs_shape == SHAPE
    assert module(algorithm).agent.image.shape == SHAPE
    algorithm.train()
    obs = algorithm.replay_buffer.sample(4)["obs"]
    assert obs.dtype == torch.uint8
    assert obs.shape == (4, LIMIT + 1, 2, 6 * 8 * 3)


@pytest.mark.parametrize(("algorithm", "channels_first"), [("VDN", False), ("QMIX", True)])
def test_two_agents_learn_what_they_see_in_pictures(build, algorithm, channels_first):
    settings = {"env_config": {"channels_first": channels_first}, "lr": 3e-3, "epsilon": 1.0}
    config = pictures(algorithm, steps=1200, target_network_update_episodes=50, gamma=0.0, **settings)
    config.evaluation(evaluation_interval=1, evaluation_duration=100)
    result = build(config).train()
    # 2 for each of 2 steps at best, 2 by chance.
    assert result["evaluation"]["env_runners"]["episode_return_mean"] > 3.6


def test_a_state_of_images_is_divided_by_255_as_they_are(build):
    algorithm = build(pictures())
    while len(algorithm.replay_buffer) < 4:
        algorithm.replay_buffer.add(algorithm._collect())
    batch = algorithm.replay_buffer.sample(4)
    assert batch["state"].dtype == torch.uint8
    torch.testing.assert_close(module(algorithm).seen(batch).state, batch["state"].flatten(0, 1) / 255)


def test_without_convolutions_the_same_is_a_flat_vector(build):
    algorithm = build(pictures(encoder="mlp"))
    assert algorithm.team_spec.obs_shape == SHAPE
    assert module(algorithm).agent.image is None
    assert module(algorithm).agent.encoder.in_features == 6 * 8 * 3 + 2 + 2
    algorithm.train()


@pytest.mark.parametrize("encoder", ["cnn", "mlp"])
def test_env_runner_and_learner_compute_the_same_utilities(build, encoder):
    algorithm = build(pictures("ReMIX", encoder=encoder, **ALL))
    for _ in range(3):
        algorithm.train()
    algorithm.after_state_was_loaded()  # the newest weights to the env runner
    acting, learning = algorithm.env_runner.module.agent, module(algorithm).agent
    assert learning.normalizer.count.item() > 0
    sample = algorithm.replay_buffer.sample(16)
    packing = AgentPacking(torch.full((16, 2), LIMIT + 1), LIMIT + 1)
    inputs = learning.inputs(sample["obs"], sample["actions"].long(), packing, torch.float32)
    images = learning.images(sample["obs"], packing)
    learned = packing.unpack(learning(inputs, packing, images)).detach()
    hidden, last_actions = torch.zeros(16 * 2, 16), torch.full((16, 2), -1)
    for t in range(LIMIT + 1):
        utilities, hidden = acting.step(sample["obs"][:, t], last_actions, hidden, torch.full((16,), t))
        torch.testing.assert_close(utilities, learned[:, t], rtol=1e-4, atol=1e-5)
        last_actions = sample["actions"][:, min(t, LIMIT - 1)].long()


def test_in_bfloat16_losses_are_about_those_of_float32(build):
    losses = []
    for dtype in ("float32", "bfloat16"):
        algorithm = build(pictures("ReMIX", compute_dtype=dtype, **ALL))
        losses.append(algorithm.train()["learners"]["default_policy"]["td_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_statistics_are_of_the_real_steps_of_the_batches_and_of_agents_in_the_game(build):
    algorithm = build(tiny("QMIX", **ALL))
    while len(algorithm.replay_buffer) < 8:
        algorithm.replay_buffer.add(algorithm._collect())
    batch = algorithm.replay_buffer.sample(8)
    batch["lengths"][:3], batch["lives"][:3] = torch.tensor([2, 1, 3]), torch.tensor([[3], [2], [1]])
    batch["obs"][0, 3:] = batch["state"][0, 3:] = 7  # padding
    module(algorithm).note_observations(batch)
    steps = torch.arange(batch["obs"].shape[1])[:, None]
    rows = batch["obs"][steps < batch["lives"][:, None]].double().numpy()
    agent = module(algorithm).agent.normalizer
    assert agent.count.item() == len(rows)
    np.testing.assert_allclose(agent.mean, rows.mean(0), atol=1e-6)
    np.testing.assert_allclose(agent.variance, rows.var(0), atol=1e-6)
    states = batch["state"][steps[:, 0] <= batch["lengths"][:, None]].double().numpy()
    state = module(algorithm).state_normalizer
    assert state.count.item() == len(states) == int(batch["lengths"].sum()) + 8
    np.testing.assert_allclose(state.mean, states.mean(0), atol=1e-6)
    np.testing.assert_allclose(state.variance, states.var(0), atol=1e-6)


def test_env_runners_get_the_statistics_with_the_weights_and_have_none_of_the_state(build):
    algorithm = build(tiny("QMIX", **ALL))
    algorithm.train()
    algorithm.after_state_was_loaded()
    of_runner, of_learner = algorithm.env_runner.module.state_dict(), module(algorithm).state_dict()
    assert {name for name in of_runner if "normalizer" in name} == {
        f"agent.normalizer.{name}" for name in ("mean", "variance", "count")
    }
    assert all(torch.equal(values, of_learner[name]) for name, values in of_runner.items())
    algorithm.env_runner.sample()
    assert torch.equal(of_runner["agent.normalizer.count"], of_learner["agent.normalizer.count"])


@pytest.mark.parametrize("settings", [ALL, {"encoder": "mlp", "normalize_observations": True}, {}])
def test_a_resumed_run_of_pictures_is_equal_to_the_bit_and_its_export_plays_like_it(
    build, tmp_path, settings
):
    algorithm = build(pictures("ReMIX", **settings))
    algorithm.train()
    algorithm.save_to_path(str(tmp_path / "half"))
    assert read_metadata(tmp_path / "half")["team"]["obs_shape"] == list(SHAPE)
    resumed = build(pictures("ReMIX", **settings))
    resumed.restore_from_path(str(tmp_path / "half"))
    for each in (algorithm, resumed):
        each.train()
    assert equal(weights(algorithm), weights(resumed))
    algorithm.save_to_path(str(tmp_path / "end"))
    export(tmp_path / "end", tmp_path / "export")
    algorithm.after_state_was_loaded()
    teams = [TeamPolicy.from_checkpoint(tmp_path / name) for name in ("end", "export")]
    teams.append(TeamPolicy(algorithm.env_runner.module.agent, algorithm="ReMIX"))
    env = build_team_env(Pictures, ADAPTED, 4)
    step = env.reset(seed=5)
    for team in teams:
        team.reset(num_envs=4)
    for _ in range(LIMIT):
        chosen = [team.act(step) for team in teams]
        assert all(np.array_equal(actions, chosen[0]) for actions in chosen)
        step = env.step(chosen[0])


@pytest.mark.parametrize(
    ("saved", "loading", "message"),
    [
        ({}, {"encoder": "mlp"}, r"has agents that see images.*load it with encoder='cnn'"),
        ({"encoder": "mlp"}, {}, r"has agents that read flat vectors.*load it with encoder='mlp'"),
        (ALL, {"observe_time": True}, "normalize_observations is True there and False here"),
        ({}, {"observe_time": True}, "observe_time is False there and True here"),
    ],
)
def test_a_checkpoint_of_other_networks_is_refused_by_name(build, tmp_path, saved, loading, message):
    build(pictures(**saved)).save_to_path(str(tmp_path / "c"))
    with pytest.raises(CheckpointError, match=message):
        build(pictures(**loading)).restore_from_path(str(tmp_path / "c"))


def test_a_checkpoint_of_images_of_another_shape_is_refused(build, tmp_path):
    build(pictures()).save_to_path(str(tmp_path / "c"))
    with pytest.raises(CheckpointError, match=r"images of shape \(6, 8, 3\) there, \(8, 6, 3\) here"):
        build(pictures(env_config={"shape": (8, 6, 3)})).restore_from_path(str(tmp_path / "c"))


def test_a_checkpoint_from_before_images_goes_on_with_flat_vectors(build, tmp_path):
    algorithm = build(pictures(encoder="mlp", normalize_observations=False))
    algorithm.train()
    folder = tmp_path / "c"
    algorithm.save_to_path(str(folder))
    for file in (folder / "algorithm_state.json", *folder.rglob("*.json")):
        _forget(file)
    from rllib_remix.checkpoints.manifest import write_manifest

    write_manifest(folder)
    assert "obs_shape" not in read_metadata(folder)["team"]
    resumed = build(pictures(encoder="mlp", normalize_observations=False))
    resumed.restore_from_path(str(folder))
    assert equal(weights(algorithm), weights(resumed))
    TeamPolicy.from_checkpoint(folder)


def _forget(file):
    """Takes out of a checkpoint's file what earlier versions did not write."""
    if not file.is_file() or file.name == "manifest.json":
        return
    content = json.loads(file.read_text())
    for name, key in (
        ("team", "obs_shape"),
        ("spec", "obs_shape"),
        *(("networks", key) for key in ("encoder", *ALL)),
    ):
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content[name].pop(key, None)
    file.write_text(json.dumps(content))


def test_the_time_is_of_the_environments_limit_for_agents_and_state(build):
    algorithm = build(tiny("QMIX", observe_time=True))
    while len(algorithm.replay_buffer) < 8:
        algorithm.replay_buffer.add(algorithm._collect())
    batch = algorithm.replay_buffer.sample(8)
    seen = module(algorithm).seen(batch)
    assert torch.equal(seen.inputs[:, -1], seen.agents.step / 10)  # the limit of the game
    state = seen.steps.unpack(seen.state)
    expected = torch.arange(state.shape[1]) / 10 * (torch.arange(state.shape[1]) <= batch["lengths"][:, None])
    torch.testing.assert_close(state[..., -1], expected)


def test_a_mixer_for_enormous_states_is_refused_before_it_is_made(without_ray):
    # 2 · 500·500·3 numbers, for each of which QMIX has 2·64 + 2·32 weights.
    config = pictures(env_config={"shape": (500, 500, 3)}, hypernet_hidden_dim=64, mixer_embed_dim=32)
    with pytest.raises(SettingError, match=r"mixer: 'qmix' .* 1,500,000 numbers, .* 288,000,000 weights"):
        config.build_algo()


def test_a_mixer_that_weighs_agents_by_what_they_observe_is_refused_for_images(without_ray):
    with pytest.raises(SettingError, match="mixer: 'qatten' is not possible for a team that sees images"):
        pictures("Qatten").build_algo()


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["QPLEX", "QTRAN", "IQL"])
def test_teams_of_every_other_joint_value_learn_from_images(build, algorithm):
    learner = build(pictures(algorithm, **ALL)).train()["learners"]["default_policy"]
    assert np.isfinite([learner["td_loss"], learner["grad_norm"]]).all()


def test_convolutions_without_images_are_refused_before_anything_is_made():
    with pytest.raises(SettingError, match="encoder: 'cnn' is not possible"):
        tiny("QMIX", encoder="cnn").validate()


# Memory of a batch

SPEC = TeamSpec(5, 3, 30_000, 150_000, 99, "uint8", "uint8", obs_shape=(100, 100, 3))


def test_a_batch_that_does_not_fit_is_refused_with_what_would(monkeypatch):
    config = get_algorithm_config("QMIX").training(train_batch_episodes=1000)
    # As drawn about 100·(5·30,000 + 150,000) bytes; read: the images again, and 100·150,000·4 of the state.
    total = 40 * 10**9
    monkeypatch.setattr(batch_memory, "machine_memory", lambda: total)
    with pytest.raises(SettingError) as error:
        check_batch_memory(SPEC, config)
    said = str(error.value)
    assert said.startswith("train_batch_episodes: 1000 episodes of up to 99 steps take ")
    assert "as they are drawn" in said
    fits = int(said.rpartition("at most ")[2].rstrip("."))
    assert 300 < fits < 380  # a little over 105 MB each
    check_batch_memory(SPEC, config.training(train_batch_episodes=fits))
    with pytest.raises(SettingError):
        check_batch_memory(SPEC, config.training(train_batch_episodes=fits + 1))
    monkeypatch.setattr(batch_memory, "machine_memory", lambda: 10**6)
    with pytest.raises(SettingError, match="not even one fits"):
        check_batch_memory(SPEC, config)
    monkeypatch.setattr(batch_memory, "machine_memory", lambda: None)  # where the system does not tell
    check_batch_memory(SPEC, config)


def test_what_a_learner_elsewhere_reads_does_not_count_here(monkeypatch):
    config = get_algorithm_config("VDN").training(train_batch_episodes=1000).learners(num_learners=1)
    monkeypatch.setattr(batch_memory, "machine_memory", lambda: 40 * 10**9)
    check_batch_memory(SPEC, config)


def test_of_pieces_only_what_is_read_counts(monkeypatch):
    whole = get_algorithm_config("VDN").training(train_batch_episodes=1000)
    pieces = whole.copy().training(max_seq_len=1, burn_in=0)
    seen = bytes_seen_of_episode(SPEC, whole.networks())
    enough = 1000 * (bytes_of_episode(SPEC) + seen) - 1
    monkeypatch.setattr(batch_memory, "machine_memory", lambda: enough)
    check_batch_memory(SPEC, pieces)
    for too_much in (whole, whole.copy().training(max_seq_len=1)):  # which reads all that was before
        with pytest.raises(SettingError, match="train_batch_episodes: 1000 episodes"):
            check_batch_memory(SPEC, too_much)


@pytest.mark.parametrize(
    ("algorithm", "encoder"), [("QMIX", "cnn"), ("QMIX", "mlp"), ("VDN", "cnn"), ("Qatten", "mlp")]
)
def test_what_is_said_of_the_networks_input_is_what_they_read(build, algorithm, encoder):
    algorithm = build(pictures(algorithm, encoder=encoder, observe_agent_id=False))
    while len(algorithm.replay_buffer) < 4:
        algorithm.replay_buffer.add(algorithm._collect())
    seen = module(algorithm).seen(algorithm.replay_buffer.sample(4))
    taken = seen.inputs.nbytes + seen.state.nbytes
    if seen.images is not None:
        features = module(algorithm).agent.image.features
        taken += seen.images.pixels.nbytes + 4 * features * len(seen.inputs)
    if module(algorithm).mixer.needs_agents:
        taken += module(algorithm)._observed(seen).nbytes
    assert taken == 4 * bytes_seen_of_episode(algorithm.team_spec, algorithm.config.networks())


def test_a_loaded_checkpoint_of_pictures_trains_on(build, tmp_path):
    algorithm = build(pictures("VDN", **ALL))
    algorithm.train()
    algorithm.save_to_path(str(tmp_path / "c"))
    again = Algorithm.from_checkpoint(str(tmp_path / "c"))
    try:
        again._monitor.join = lambda: None
        assert equal(weights(again), weights(algorithm))
        for each in (algorithm, again):
            each.train()
        assert equal(weights(again), weights(algorithm))
    finally:
        again.stop()
