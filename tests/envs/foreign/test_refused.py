import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from pettingzoo import ParallelEnv
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.errors import SettingError
from tests.envs.foreign.unlike import Hive, Meadow, broken, played


@pytest.mark.parametrize("env", [object(), MultiAgentEnv])
def test_another_kind_of_environment_is_named(env):
    with pytest.raises(SettingError, match=f"{type(env).__name__} cannot be adapted.*Allowed: a PettingZoo"):
        adapt(lambda copy: env)


def test_no_state_is_an_error_that_names_the_option_if_it_is_asked_for():
    class Stateless(Meadow):
        state = ParallelEnv.state

    with pytest.raises(
        SettingError, match=r'Stateless has no state\(\).*team_adapter=\{"state": "observations"\}'
    ):
        adapt(lambda copy: Stateless(), 1, {"state": "environment"})
    with pytest.raises(SettingError, match=r'Hive has no .*"__common__".*"observations"'):
        adapt(lambda copy: Hive(where="nowhere"), 1, {"episode_limit": 9, "state": "both"})
    env = adapt(lambda copy: Stateless(), 1, {"state": "observations"})
    assert env.reset().state.tolist() == [[1, 1, 1, 1, 1, 0]]  # 3 of the ant, 2 of the bee, 1 of padding


def test_a_state_that_fails_is_an_error_with_its_reason():
    failing = broken("state", lambda env, state: {}["key"])
    with pytest.raises(SettingError, match=r"state\(\) of Broken fails with KeyError: 'key'"):
        adapt(lambda copy: failing())
    wordy = broken("state", lambda env, state: {"time": env.time})
    with pytest.raises(SettingError, match="the state of Broken is of type dict and not an array of numbers"):
        adapt(lambda copy: wordy())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stat": "observations"}, "team_adapter: unknown key 'stat'; did you mean 'state'"),
        ({"state": "observation"}, "team_adapter.state: .*'observation'; did you mean 'observations'"),
        (
            {"team_reward": "max"},
            "team_adapter.team_reward: .*'max'.*Allowed: sum, mean, or an agent: ant, bee",
        ),
        ({"team_reward": "bea"}, "team_adapter.team_reward: .*'bea'; did you mean 'bee'"),
        (
            {"team_reward": 1},
            "team_adapter.team_reward: 1 is of type int; allowed: 'sum', 'mean' or the name of",
        ),
        ({"episode_limit": 0}, "team_adapter.episode_limit: 0 is not allowed"),
    ],
)
def test_an_option_that_cannot_be_is_named(options, message):
    with pytest.raises(SettingError, match=message):
        adapt(lambda copy: Meadow(), 1, options)


def test_an_unknown_episode_limit_must_be_given():
    with pytest.raises(SettingError, match=r"team_adapter\.episode_limit: missing, and Hive announces none"):
        adapt(lambda copy: Hive())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([0, 0, 0, 0], "leaves no action"),
        ([1, 1], r"action_mask has shape \(2,\), expected \(4,\)"),
        ([1, 0.5, 1, 1], "0 .unavailable. and 1"),
    ],
)
def test_a_mask_that_cannot_be_is_named_with_its_place(mask, message):
    env = adapt(lambda copy: Meadow(mask={"ant": [1, 1], "bee": mask if copy else [1, 1, 1, 1]}), 2)
    with pytest.raises(
        TeamEnvError, match=f"Meadow, copy 1, agent 'bee', step 0 of the episode: .*{message}"
    ):
        env.reset()


def spoil(part, value):
    """A step whose dict number `part` holds `value` for the bee from step 2 on."""

    def change(env, result):
        if env.time >= 2:
            result[part]["bee"] = value
        return result

    return broken("step", change)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (spoil(0, np.zeros(3)), r"copy 0, agent 'bee', step 2 .*shape \(3,\), expected \(2,\)"),
        (spoil(0, np.array([0, np.nan])), "copy 0, agent 'bee', step 2 .*NaN"),
        (spoil(0, ["a", "b"]), "copy 0, agent 'bee', step 2 .*no number"),
        (spoil(1, np.nan), "copy 0, agent 'bee', step 2 .*the reward is nan"),
        (broken("step", lambda env, result: result[:4]), r"Broken.step\(\) returned \(dict, dict, dict, dict\), expected"),
        (broken("state", lambda env, state: state[: 2 - (env.time == 2)]), "copy 0, step 2 .*state has 1 numbers, expected 2"),
        (broken("state", lambda env, state: state * (np.nan if env.time == 2 else 1)), "copy 0, step 2 .*state holds NaN"),
        (
            broken("state", lambda env, state: state.astype(np.float32 if env.time == 2 else np.uint8)),
            "copy 0, step 2 .*state changed from uint8 to float32",
        ),
    ],
)  # fmt: skip
def test_what_a_broken_environment_returns_is_named_with_its_place(kind, message):
    env = adapt(lambda copy: kind())
    with pytest.raises(TeamEnvError, match=message):
        played(env, [[0, 0], [0, 0]])


def test_values_that_the_compact_space_cannot_hold_are_named():
    odd = broken("reset", lambda env, result: ({a: o + 0.5 for a, o in result[0].items()}, result[1]))
    with pytest.raises(TeamEnvError, match=r"agent 'ant'.*uint8, cannot hold"):
        adapt(lambda copy: odd(dtype=np.uint8)).reset()


def test_a_truncated_episode_without_last_observation_is_an_error():
    silent = broken("step", lambda env, result: ({}, *result[1:]) if env.time == 6 else result)
    with pytest.raises(TeamEnvError, match=r"step 6 .*truncated without any last observation"):
        played(adapt(lambda copy: silent()), [[0, 0]] * 6)


@pytest.mark.parametrize("action", [-1, 2, 4])
def test_an_action_that_is_not_available_is_named(action):
    env = adapt(lambda copy: Meadow())
    env.reset()
    with pytest.raises(
        TeamEnvError, match=f"agent 'ant', step 0 .*action {action} is not available; allowed: 0, 1"
    ):
        env.step(np.array([[action, 0]]))


@pytest.mark.parametrize(
    ("observation_space", "action_space", "message"),
    [
        (Box(0, 1, (2,)), Box(0, 1, (2,)), "action space of agent 'ant': Box.*must be Discrete"),
        (None, Discrete(2), "observation space of agent 'ant': None is not allowed; it must be Box"),
        (
            Dict({"observations": Box(0, 1, (2,)), "action_mask": MultiBinary(2)}),
            Discrete(2),
            "unknown key 'observations'; did you mean 'observation'",
        ),
    ],
)
def test_spaces_that_a_team_cannot_have_are_named(observation_space, action_space, message):
    env = Meadow()
    env.observation_spaces["ant"], env.action_spaces["ant"] = observation_space, action_space
    with pytest.raises(SettingError, match=message):
        adapt(lambda copy: env)
