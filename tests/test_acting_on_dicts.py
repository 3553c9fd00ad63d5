"""Teams in a loop over an environment's own dicts: as through its adapter, and from an export alone."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from rllib_remix import TeamPolicy, make_team_env, parallel_env
from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.checkpoints.portable import read_settings, write_portable
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.checkpoints.writing import checkpoint_metadata
from rllib_remix.envs.agent_layout import check_layout, space_from_json, spaces_of
from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.errors import SettingError
from rllib_remix.models.sizes import new_agent
from tests.envs.foreign.games import Of, Zoo, changed

HIDDEN = 16


def team_of(env, folder, **settings):
    """An export of a team of strong random weights, written as a training writes it."""
    config = QMIXConfig().training(agent_hidden_dim=HIDDEN, **settings)
    algorithm = SimpleNamespace(
        config=config,
        team_spec=env.spec,
        agent_layout=env.agent_layout,
        training_iteration=1,
        _time_total=0.0,
    )
    agent = new_agent(env.spec, config.networks())
    generator = torch.Generator().manual_seed(1)
    weights = {
        f"agent.{name}": torch.randn(weight.shape, generator=generator).numpy() * 0.7
        for name, weight in agent.state_dict().items()
    }
    if "agent.normalizer.variance" in weights:
        weights["agent.normalizer.mean"] *= 0.1  # not so strong that all see the same
        weights["agent.normalizer.variance"] = 0.5 + weights["agent.normalizer.variance"] ** 2
    write_portable(folder, weights, json.loads(json.dumps(checkpoint_metadata(algorithm))))
    return folder


def first_seed(seed):
    """What an adapter gives its first copy for its first episode."""
    return int(np.random.SeedSequence(seed, spawn_key=(0, 0)).generate_state(1)[0])


def played_both_ways(make, folder, options=None, episodes=2, **settings):
    """Joint actions of every step: through the adapter, and in a loop over the environment itself."""
    env = make_team_env(make(), team_adapter=options)
    by_arrays = TeamPolicy.from_checkpoint(team_of(env, folder, **settings))
    by_dicts, raw = TeamPolicy.from_checkpoint(folder), make()
    for episode in range(episodes):
        step = env.reset(seed=episode)
        observations, infos = raw.reset(seed=first_seed(episode))
        by_arrays.reset()
        by_dicts.reset()
        while raw.agents:
            joint = by_arrays.act(step)
            own = by_dicts.act_dict(observations, infos, agents=raw.agents)
            yield {agent: joint[0, env.agents.index(agent)] for agent in raw.agents}, own
            step = env.step(joint)
            observations, _, _, _, infos = raw.step(own)


def zoo(module, **settings):
    return lambda: pytest.importorskip(module).parallel_env(**settings)


STRANGERS = {
    "unlike agents": zoo("mpe2.simple_speaker_listener_v4"),
    "agents that die": zoo(
        "pettingzoo.butterfly.knights_archers_zombies_v11", max_zombies=60, spawn_delay=2, max_cycles=150
    ),
    "many agents": zoo("magent2.environments.tiger_deer_v4", map_size=12, max_cycles=40),
    "masks": lambda: parallel_env("predator_prey", episode_limit=12),
}


@pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS)
def test_a_team_acts_on_an_environments_dicts_as_it_does_through_its_adapter(make, tmp_path, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    steps = list(played_both_ways(make, tmp_path / "export", {"state": "observations"}))
    assert len(steps) >= 20
    assert all(joint == own for joint, own in steps)
    assert len({json.dumps({str(a): int(u) for a, u in own.items()}) for _, own in steps}) > 3  # no dull team


def test_an_export_alone_drives_a_team_without_the_package(tmp_path):
    make = zoo("mpe2.simple_speaker_listener_v4")
    steps = [own for _, own in played_both_ways(make, tmp_path / "export", episodes=1)]
    script = Path(__file__).parent / "checkpoints" / "drive_export.py"
    command = [sys.executable, str(script), str(tmp_path / "export"), "mpe2.simple_speaker_listener_v4"]
    done = subprocess.run([*command, str(first_seed(0))], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == steps
    assert len(steps) == 25


# What a loop may give


@pytest.fixture
def policy(tmp_path):
    env = adapt(lambda _: changed(Zoo, actions=Discrete(3, start=5)), 1, {"episode_limit": 6})
    return TeamPolicy.from_checkpoint(team_of(env, tmp_path / "export"))


SEEN = {"a": np.zeros(2, np.float32), "b": np.ones(2, np.float32)}


def only(action):
    return {"action_mask": np.eye(3, dtype=np.int8)[action]}


def test_actions_have_the_environments_own_numbers_and_masks_in_infos_count(policy):
    infos = {"a": only(2), "b": only(0), "__common__": {"x": 1}}
    assert policy.act_dict(SEEN, infos) == {"a": 7, "b": 5}
    assert policy.act_dict(dict(reversed(SEEN.items())), infos) == {"a": 7, "b": 5}


def test_actions_of_several_parts_are_sent_in_the_environments_own_form(tmp_path):
    def make():
        return changed(Zoo, actions=MultiDiscrete([2, 3]))

    env = adapt(lambda _: make(), 1, {"episode_limit": 6})
    policy = TeamPolicy.from_checkpoint(team_of(env, tmp_path / "export"))
    mask = {"action_mask": np.eye(6, dtype=np.int8)[4]}  # 4 = 1·3 + 1: the last part changes fastest
    acted = policy.act_dict(SEEN, {"a": mask, "b": mask})
    assert {agent: action.tolist() for agent, action in acted.items()} == {"a": [1, 1], "b": [1, 1]}


def test_the_time_and_normalized_observations_count_as_through_the_adapter(tmp_path):
    settings = {"observe_time": True, "normalize_observations": True}
    make = STRANGERS["unlike agents"]
    steps = list(played_both_ways(make, tmp_path / "export", {"state": "observations"}, **settings))
    assert all(joint == own for joint, own in steps)
    as_they_are = {"normalize_observations": False}
    plain = list(played_both_ways(make, tmp_path / "plain", {"state": "observations"}, **as_they_are))
    assert [own for _, own in steps] != [own for _, own in plain]


def test_who_is_gone_or_waits_has_no_action(policy):
    assert policy.act_dict({"b": SEEN["b"]}, {"b": only(1)}) == {"b": 6}
    assert policy.act_dict(SEEN, {"b": only(1)}, agents=["b"]) == {"b": 6}
    assert policy.act_dict(SEEN, {"a": {"action_mask": [0, 0, 0]}, "b": only(1)}) == {"b": 6}


def test_agents_keep_what_they_saw_until_they_are_reset(policy):
    def utilities():
        policy.act_dict(SEEN)
        return policy._actor._network.hidden.numpy().copy()

    first, second = utilities(), utilities()
    assert not np.allclose(first, second)
    policy.reset()
    assert np.array_equal(utilities(), first)


def test_agents_that_are_numbers_in_the_environment_stay_numbers(tmp_path):
    class Numbered(Of):
        def __init__(self):
            super().__init__()
            self.possible_agents = self.agents = [10, 2]
            self.observation_spaces = dict.fromkeys(self.agents, self.space)
            self.action_spaces = dict.fromkeys(self.agents, self.actions)

    env = adapt(lambda _: Numbered(), 1, {"episode_limit": 6, "state": "observations"})
    policy = TeamPolicy.from_checkpoint(team_of(env, tmp_path / "export"))
    assert policy.agents == ("10", "2")
    assert policy.act_dict({2: SEEN["a"], 10: SEEN["b"]}, {2: only(1), 10: only(0)}) == {2: 1, 10: 0}


@pytest.mark.parametrize(
    ("observations", "infos", "agents", "message"),
    [
        (
            [SEEN["a"], SEEN["b"]],
            {},
            None,
            r"of type list; allowed: a dict .*zip\(policy.agents, observations\)",
        ),
        ({"a": SEEN["a"], "c": SEEN["b"]}, {}, None, "unknown agent 'c'. Allowed: a, b"),
        (
            {"a": np.zeros(3)},
            {},
            None,
            r"act_dict: agent 'a': the observation has shape \(3,\), expected \(2,\)",
        ),
        (
            SEEN,
            {"b": {"action_mask": [1, 1]}},
            None,
            r"agent 'b': action_mask has shape \(2,\), expected \(3,\)",
        ),
        ({"a": SEEN["a"]}, {}, ["a", "b"], "agent 'b' acts next, but nothing is observed"),
        ({}, {}, None, r"nobody is observed; .*reset\(\)"),
    ],
)
def test_what_no_team_can_act_on_is_named(policy, observations, infos, agents, message):
    with pytest.raises(TeamEnvError, match=message):
        policy.act_dict(observations, infos, agents=agents)


def test_a_policy_of_several_copies_takes_no_dicts(policy):
    policy.reset(num_envs=2)
    with pytest.raises(
        SettingError, match=r"act_dict: .* reset for 2 copies, but acts in one; call reset\(\)"
    ):
        policy.act_dict(SEEN)


def test_an_older_export_is_told_what_the_agents_see(tmp_path):
    env = adapt(lambda _: changed(Zoo), 1, {"episode_limit": 6})
    folder = team_of(env, tmp_path / "export")
    settings = json.loads((folder / "settings.json").read_text())
    del settings["agent_layout"]
    (folder / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(
        SettingError, match=r"does not say what each agent sees and does; .*layout=make_team_env"
    ):
        TeamPolicy.from_checkpoint(folder).act_dict(SEEN)
    policy = TeamPolicy.from_checkpoint(folder, layout=env.agent_layout)
    assert policy.act_dict(SEEN, {"a": only(2), "b": only(0)}) == {"a": 2, "b": 0}
    with pytest.raises(SettingError, match=r"layout: agents: .*each agent of the team must be in one entry"):
        TeamPolicy.from_checkpoint(folder, layout=make_team_env("matrix_game").agent_layout)


# The layout


SPACES = {
    "pixels": Box(0, 255, (4, 3, 2), np.uint8),
    "flags": Box(0, 1, (2,), bool),
    "number": Discrete(4, start=2),
    "numbers": MultiDiscrete([2, 3]),
    "bits": MultiBinary(3),
    "parts": Tuple([Discrete(2), Box(-1, 1, (2,))]),
    "named": Dict({"zebra": Discrete(2), "ant": Box(-1, 1, (1,))}),
    "masked": Dict({"obs": Box(-1, 1, (2,)), "action_mask": MultiBinary(3), "state": Box(0, 1, (999,))}),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_layout_survives_json_and_gives_spaces_that_read_the_same(space):
    game = changed(Zoo, space=space)
    env = adapt(lambda _: game, 1, {"episode_limit": 6, "state": "observations"})
    layout = json.loads(json.dumps(env.agent_layout))
    check_layout(layout, env.spec._asdict())
    (entry,) = layout
    assert (entry["agents"], entry["n_actions"]) == (["a", "b"], 3)
    seen, actions = spaces_of(layout)["b"]
    assert actions == Discrete(3)
    value = space.sample()
    if space is SPACES["masked"]:
        assert [*seen.spaces] == ["obs", "action_mask"]  # the state is no part of what an agent needs
        value, seen, space = value["obs"], seen["obs"], space["obs"]
    from gymnasium.spaces import flatten

    assert np.array_equal(flatten(space, value), flatten(seen, value))
    assert entry["obs_size"] == len(flatten(seen, value)) == env.obs_dim


def wrong(**entry):
    def change(layout):
        layout[0] |= entry

    return change


BOX = {"space": "Box", "shape": [2], "dtype": "float32"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (wrong(agents=["a"]), "each agent of the team must be in one entry"),
        (wrong(agents=["a", "b", "b"]), "each agent of the team must be in one entry"),
        (wrong(agents="ab"), "it must be a list of names"),
        (wrong(obs_size=3), "obs_size: 3 is not allowed; it must be an integer from 1 to 2"),
        (wrong(obs_size=1), "its size must be obs_size"),
        (wrong(n_actions=10**9), "n_actions: 1000000000 is not allowed"),
        (wrong(observation_space=BOX | {"shape": [2**20, 2**20]}), "it must be one of Box"),
        (wrong(observation_space=BOX | {"dtype": "object"}), "it must be one of Box"),
        (wrong(observation_space={"space": "Text"}), "it must be one of Box"),
        (wrong(observation_space={"space": "Tuple", "spaces": []}), "it must be one of Box"),
        (wrong(observation_key="obs"), "it must be a Dict of"),
        (wrong(action_space={"space": "Discrete", "n": 2**30, "start": 0}), "action_space: "),
        (wrong(action_space={"space": "MultiDiscrete", "nvec": [2**16, 2], "start": [0, 0]}), "too large"),
        (wrong(action_space={"space": "Discrete", "n": 9, "start": 0}), "it must have n_actions choices"),
        (
            wrong(action_space={"space": "MultiDiscrete", "nvec": [2, 2], "start": [0, 0]}),
            "n_actions choices",
        ),
        (
            wrong(
                observation_key="obs",
                mask_key="legal_moves",
                observation_space={
                    "space": "Dict",
                    "spaces": {"obs": BOX, "legal_moves": BOX | {"shape": [2**28]}},
                },
            ),
            "'legal_moves' has 268435456 numbers, which are too many",
        ),
        (
            wrong(action_space={"space": "MultiDiscrete", "nvec": [[2], [2, 2]], "start": [0]}),
            "action_space: ",
        ),
        (lambda layout: layout.insert(0, "a"), "it must be a list of objects"),
    ],
)
def test_a_layout_of_a_stranger_is_checked_before_anything_is_made_of_it(tmp_path, change, message):
    folder = team_of(adapt(lambda _: changed(Zoo), 1, {"episode_limit": 6}), tmp_path / "export")
    settings = read_settings(folder)
    change(settings["agent_layout"])
    (folder / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=rf"settings\.json: agent_layout: .*{message}"):
        TeamPolicy.from_checkpoint(folder)


def test_a_space_of_a_layout_is_as_wide_as_its_type():
    assert space_from_json(BOX).high.tolist() == [np.inf] * 2
    assert space_from_json(BOX | {"dtype": "int8"}).low.tolist() == [-128] * 2


# Made environments


def test_an_environment_that_is_made_is_one_copy_of_itself():
    game = changed(Zoo)
    env = make_team_env(game, {"team_adapter": {"episode_limit": 6}})
    assert env.envs == [game]
    assert make_team_env(env) is env


def test_a_function_is_called_for_every_copy():
    env = make_team_env(lambda config: changed(Zoo, max_steps=config["steps"]), {"steps": 4}, 3)
    assert (env.num_envs, env.episode_limit) == (3, 4)
    assert make_team_env("matrix_game", num_envs=2).num_envs == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 2}, "num_envs: 2 is not possible with a Changed that is made already"),
        (
            {"env_config": {"size": 3}},
            "env_config: {'size': 3} has no effect on a Changed that is made already",
        ),
        ({"team_adapter": {"stat": "both"}}, "team_adapter: unknown key 'stat'; did you mean 'state'"),
    ],
)
def test_what_has_no_effect_on_a_made_environment_is_refused(arguments, message):
    with pytest.raises(SettingError, match=message):
        make_team_env(changed(Zoo), **arguments)


def test_nothing_of_ray_is_loaded_for_what_pettingzoo_made():
    code = """
import sys
from rllib_remix import make_team_env, parallel_env
env = make_team_env(parallel_env("matrix_game"), team_adapter={"state": "observations"})
assert env.n_agents == 2 and make_team_env("matrix_game").agent_layout
assert "ray" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
