"""Agents that do not share all parameters: they train, are saved, restored, exported and played as others are."""

import json

import numpy as np
import pytest
from ray.tune.registry import register_env

from rllib_remix import TeamPolicy, make_team_env, playing
from rllib_remix.algorithms.table import ALGORITHMS
from rllib_remix.checkpoints.exporting import export
from rllib_remix.checkpoints.manifest import METADATA
from rllib_remix.checkpoints.portable import read_weights
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.experiments.checks.first_step import try_first_steps
from rllib_remix.team.agents import ask_for_team_spec
from tests.algorithms.games import TINY, equal, one_shot, tiny, weights
from tests.envs.foreign.games import OPTIONS, Of
from tests.team.actor_critic import ActorCriticConfig
from tests.team.test_agents import group
from tests.team.test_observations import pictures

PAIR = {"pair": ["agent_2", "agent_0"], "other": ["agent_1"]}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_trains_with_own_parameters_of_every_agent(build, algorithm):
    trained = build(tiny(algorithm, share_parameters=False))
    before = weights(trained)
    learner = trained.train()["learners"]["default_policy"]
    assert np.isfinite(learner["total_loss"])
    networks = ("agent.", "q_star_agent.") if "q_star_agent.head.bias" in before else ("agent.",)
    for name, after in weights(trained).items():
        if name.startswith(networks) and "normalizer" not in name:
            assert after.shape[0] == 3
            changed = (after != before[name]).reshape(3, -1).any(-1)
            assert changed.all(), name


def test_an_algorithm_that_is_not_value_based_does_too(build):
    config = ActorCriticConfig().environment("matrix_game").training(share_parameters=False)
    trained = build(config.reporting(min_sample_timesteps_per_iteration=8).debugging(seed=0))
    before = weights(trained)["agent.head.bias"].copy()
    trained.train()
    assert (weights(trained)["agent.head.bias"] != before).any(-1).tolist() == [True, True]


@pytest.mark.parametrize("settings", [{}, {"compute_dtype": "bfloat16"}, {"normalize_observations": False}])
def test_a_checkpoint_and_an_export_alone_say_who_shares_and_are_played(build, tmp_path, settings):
    trained = build(tiny(share_parameters=PAIR, **settings))
    trained.train()
    checkpoint = trained.save_to_path(str(tmp_path / "c"))
    metadata = json.loads((tmp_path / "c" / METADATA).read_text())
    assert metadata["networks"]["share_parameters"] == [0, 1, 0]

    restored = build(tiny(share_parameters=dict(reversed(PAIR.items())), seed=1, **settings))
    restored.restore_from_path(checkpoint)
    assert equal(weights(restored), weights(trained))

    exported = export(checkpoint, tmp_path / "e").folder
    assert equal(read_weights(exported), weights(trained))
    env = make_team_env("predator_prey", TINY, num_envs=4)
    policies = [TeamPolicy.from_checkpoint(folder) for folder in (checkpoint, exported)]
    actor, step = restored.env_runner.new_actor(), env.reset(seed=0)
    for policy in policies:
        policy.reset(num_envs=4)
    for _ in range(5):
        actions = actor.act(step.obs, step.avail_actions)
        assert all((policy.act(step) == actions).all() for policy in policies)
        step = env.step(actions)
    assert playing.evaluate(exported, 4)["num_episodes"] == 4


def test_a_checkpoint_of_agents_that_share_otherwise_is_refused_with_what_differs(build, tmp_path):
    saved = {
        name: build(tiny("VDN", share_parameters=share)).save_to_path(str(tmp_path / name))
        for name, share in (("all", True), ("none", False), ("some", PAIR))
    }
    for share, of, said in (
        (True, "none", "every agent has its own there, all share them here"),
        (False, "all", "all share them there, every agent has its own here"),
        (False, "some", r"\[\['agent_0', 'agent_2'\], \['agent_1'\]\] there, every agent has its own here"),
    ):
        algorithm = build(tiny("VDN", share_parameters=share))
        before = weights(algorithm)
        with pytest.raises(CheckpointError, match=f"share parameters otherwise: {said}; load it with"):
            algorithm.restore_from_path(saved[of])
        assert equal(weights(algorithm), before)


def test_a_checkpoint_that_does_not_say_who_shares_is_older_and_all_do(build, tmp_path):
    trained = build(tiny("VDN"))
    checkpoint = trained.save_to_path(str(tmp_path / "c"))
    export(checkpoint, tmp_path / "e")
    settings = tmp_path / "e" / "settings.json"
    content = json.loads(settings.read_text())
    assert content["networks"].pop("share_parameters") == [0, 0, 0]
    settings.write_text(json.dumps(content))
    old = TeamPolicy.from_checkpoint(tmp_path / "e").network.state_dict()
    assert all((weights(trained)[f"agent.{name}"] == value.numpy()).all() for name, value in old.items())


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            [0, 1],
            "networks: .* is not allowed; it must be with 3 entries in share_parameters, as team.n_agents says",
        ),
        (
            [1, 0, 0],
            "networks.share_parameters: .* is not allowed; it must be null, for one group of all, or a list",
        ),
        ({"a": [0]}, "networks.share_parameters: .* is not allowed"),
        ([0, 1, 1], r"the shape .*; team and networks say \[2, "),
    ],
)
def test_groups_in_a_file_that_cannot_be_are_refused(build, tmp_path, groups, message):
    build(tiny("VDN", share_parameters=False)).save_to_path(str(tmp_path / "c"))
    export(tmp_path / "c", tmp_path / "e")
    settings = tmp_path / "e" / "settings.json"
    content = json.loads(settings.read_text())
    content["networks"]["share_parameters"] = groups
    settings.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        TeamPolicy.from_checkpoint(tmp_path / "e")


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ({"a": ["agent_0", "agent_1"], "b": ["agent2"]}, "unknown name 'agent2'; did you mean 'agent_2'"),
        ({"a": ["agent_0"], "b": ["agent_1"]}, "^share_parameters: 'agent_2' is in no group"),
        ({"a": ["agent_0", "agent_1", "agent_2"]}, "^share_parameters: .* one group of all agents is true"),
        ({"a": ["agent_0"], "b": ["agent_0"]}, "^share_parameters: agent 'agent_0' is in 'a' and in 'b'"),
        ("none", "^share_parameters: 'none' is not allowed; it must be true, false, or"),
    ],
)
def test_groups_that_cannot_be_are_told_before_anything_starts(share, message):
    with pytest.raises(SettingError, match=message):
        tiny(share_parameters=share).validate()


class Named(Of):
    """With the agents a and b."""


def test_of_a_foreign_environment_they_are_told_with_its_first_step_or_by_the_env_runner(build):
    register_env("named", Named)
    config = tiny("VDN", share_parameters={"x": ["a"], "y": ["c"]})
    config.environment("named", env_config={"team_adapter": OPTIONS}).validate()
    for start in (lambda: try_first_steps([config]), lambda: build(config)):
        with pytest.raises(SettingError, match="share_parameters, agents of 'y': unknown name 'c'"):
            start()


def test_agents_that_see_images_share_their_parameters_or_read_them_flat(build):
    with pytest.raises(SettingError, match="share_parameters: agents that see images share their parameters"):
        build(pictures("QMIX", encoder="cnn", share_parameters=False))
    build(pictures("QMIX", encoder="mlp", share_parameters=False))


def test_agents_without_networks_cannot_be_evaluated():
    spec = TeamSpec(2, 3, 4, 5, 6, "float32", "float32", ("a", "b"))
    larger = spec._replace(n_agents=3, agents=("a", "b", "c"))
    assert ask_for_team_spec(group(spec), group(larger), networks={"share_parameters": True}) == spec
    with pytest.raises(SettingError, match="share_parameters: the evaluation has 3 agents, the training 2"):
        ask_for_team_spec(group(spec), group(larger), networks={"share_parameters": False})


# The first should take 1 and the second 0: each alone is worth 1, and both see the same.
UNLIKE = [[1, 0], [2, 1]]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"share_parameters": False, "observe_agent_id": False}, 2),
        ({"share_parameters": {"a": ["agent_0"], "b": ["agent_1"]}, "observe_agent_id": False}, 2),
        ({"share_parameters": True, "observe_agent_id": False}, 1),
    ],
)
def test_agents_that_see_the_same_learn_to_act_unlike_only_with_parameters_of_their_own(
    build, settings, expected
):
    config = one_shot("VDN", steps=400, **settings).environment(env_config={"payoff": UNLIKE})
    result = build(config).train()
    assert result["evaluation"]["env_runners"]["episode_return_mean"] == expected
