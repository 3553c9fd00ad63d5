import warnings

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from pettingzoo.test import parallel_api_test, parallel_seed_test

from rllib_remix.envs.matrix_games import MatrixGame, TwoStepGame
from rllib_remix.envs.parallel import TeamParallelEnv, parallel_env
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.errors import SettingError

SMALL = {"grid_height": 6, "grid_width": 5, "num_predators": 3, "num_prey": 2, "episode_limit": 12}
BUILDERS = {
    "matrix_game": lambda: parallel_env("matrix_game"),
    "two_step_game": lambda: parallel_env("two_step_game"),
    "predator_prey": lambda: parallel_env("predator_prey", **SMALL),
    "smac_sim": lambda: parallel_env("smac_sim", map_name="3m"),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_our_environments_pass_the_api_test_of_pettingzoo(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(BUILDERS[name](), num_cycles=30)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.filterwarnings("ignore:.*is not available:UserWarning")  # that test plays without masks
def test_our_environments_pass_the_seed_test_of_pettingzoo(name):
    parallel_seed_test(BUILDERS[name])


@pytest.mark.parametrize("name", BUILDERS)
def test_observations_and_states_lie_in_their_spaces(name):
    env = BUILDERS[name]()
    observations, _ = env.reset(seed=3)
    while env.agents:
        for agent in env.agents:
            assert env.observation_space(agent).contains(observations[agent])
        assert env.state_space.contains(env.state())
        actions = {a: env.action_space(a).sample(mask=observations[a]["action_mask"]) for a in env.agents}
        observations, *_ = env.step(actions)
    assert env.state_space.contains(env.state())


def test_the_spaces_keep_compact_dtypes():
    env = BUILDERS["predator_prey"]()
    space = env.observation_space("agent_0")
    assert space["observation"] == Box(0, 255, (50,), np.uint8)
    assert space["action_mask"] == Box(0, 1, (6,), np.int8)
    assert env.state_space == Box(0, 255, (60,), np.uint8)
    assert env.action_space("agent_2") == Discrete(6)


def test_every_agent_gets_the_team_reward_and_ends_with_the_episode():
    env = TeamParallelEnv(MatrixGame())
    env.reset()
    observations, rewards, terminations, truncations, infos = env.step({"agent_0": 0, "agent_1": 0})
    assert rewards == {"agent_0": 8.0, "agent_1": 8.0}
    assert terminations == {"agent_0": True, "agent_1": True}
    assert truncations == {"agent_0": False, "agent_1": False}
    assert observations["agent_1"]["observation"].tolist() == [1]
    assert infos["agent_0"]["action_mask"].tolist() == [1, 1, 1]
    assert env.agents == []


def test_infos_hold_the_numbers_of_the_environment():
    env = BUILDERS["predator_prey"]()
    _, infos = env.reset(seed=0)
    assert infos["agent_1"]["prey_captured"] == 0


def test_infos_tell_a_broken_episode():
    class Breaking(MatrixGame):
        def step(self, actions):
            broken = np.array([True])
            return super().step(actions)._replace(terminated=~broken, truncated=broken, broken=broken)

    env = TeamParallelEnv(Breaking())
    env.reset()
    _, _, _, truncations, infos = env.step({"agent_0": 0, "agent_1": 0})
    assert truncations["agent_0"]
    assert infos["agent_0"]["broken"] is True


def test_nothing_happens_after_the_episode_until_a_reset():
    env = TeamParallelEnv(MatrixGame())
    env.reset()
    env.step({"agent_0": 0, "agent_1": 0})
    assert env.step({"agent_0": 0, "agent_1": 0}) == ({}, {}, {}, {}, {})
    env.reset()
    assert env.agents == ["agent_0", "agent_1"]


def test_what_it_returned_does_not_change_with_the_next_step():
    env = parallel_env("predator_prey", **SMALL)
    observations, infos = env.reset(seed=1)
    kept = [env.state(), *(array for agent in env.agents for array in observations[agent].values())]
    kept += [infos[agent]["action_mask"] for agent in env.agents]
    before = [array.copy() for array in kept]
    for _ in range(5):
        env.step(dict.fromkeys(env.agents, 4))
    for array, was in zip(kept, before, strict=True):
        np.testing.assert_array_equal(array, was)


def test_an_unavailable_action_is_replaced_with_a_warning():
    env = parallel_env("predator_prey", grid_height=2, grid_width=2, num_predators=1, num_prey=3)
    env.reset(seed=0)  # prey everywhere: stay (4) or catch (5)
    with pytest.warns(
        UserWarning, match=r"action 0 of agent_0 is not available .* takes 4 instead\. Allowed: 4, 5"
    ):
        env.step({"agent_0": 0})


def test_an_agent_without_action_is_named():
    env = TeamParallelEnv(TwoStepGame())
    env.reset()
    with pytest.raises(ValueError, match="actions: none for agent_1"):
        env.step({"agent_0": 0})


def test_more_than_one_copy_is_refused():
    with pytest.raises(SettingError, match="num_envs: 3 is not allowed"):
        TeamParallelEnv(PredatorPrey(num_envs=3))


def test_it_renders_only_with_a_render_mode():
    env = parallel_env("matrix_game", render_mode="rgb_array")
    env.reset()
    assert env.render().shape == (96, 96, 3)
    silent = parallel_env("matrix_game")
    with pytest.warns(UserWarning, match="render_mode"):
        assert silent.render() is None
    with pytest.raises(SettingError, match=r"render_mode.*'human'.*Allowed: rgb_array"):
        parallel_env("matrix_game", render_mode="human")


def test_a_misspelt_setting_is_refused_with_a_suggestion():
    with pytest.raises(SettingError, match="did you mean 'punishment'"):
        parallel_env("predator_prey", punishmnt=-1)
