import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Tuple
from ray.rllib.env.multi_agent_env import MultiAgentEnv
from ray.rllib.examples.envs.classes.multi_agent.two_step_game import (
    TwoStepGame,
    TwoStepGameWithGroupedAgents,
)

from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.errors import SettingError

OPTIONS = {"episode_limit": 3}
WITH_STATE = {"separate_state_space": True, "one_hot_state_encoding": True}
SPACE, ACTIONS = Box(0, 9, (2,)), Discrete(3, start=1)


def grouped(config):
    spaces = Tuple([TwoStepGame(config).observation_space] * 2), Tuple([Discrete(2)] * 2)
    return TwoStepGame(config).with_agent_groups({"both": [0, 1]}, obs_space=spaces[0], act_space=spaces[1])


class Crews(MultiAgentEnv):
    """Crew "pair" of two and a single "solo"; rewards 3 and 1, and what a test changes."""

    def __init__(self, observations=None, reward=3.0, info=None, spaces=None):
        super().__init__()
        self.agents = self.possible_agents = ["pair", "solo"]
        self.observation_spaces = {"pair": spaces or Tuple([SPACE] * 2), "solo": SPACE}
        self.action_spaces = {"pair": Tuple([ACTIONS] * 2), "solo": ACTIONS}
        self.observations, self.reward, self.info = observations, reward, info or {}
        self.got = []

    def see(self):
        pair = [np.full(2, 1.0), np.full(2, 2.0)] if self.observations is None else self.observations
        return {"pair": pair, "solo": np.full(2, 3.0)}

    def reset(self, *, seed=None, options=None):
        return self.see(), {}

    def step(self, action_dict):
        self.got.append(action_dict)
        rewards = {"pair": self.reward, "solo": 1.0}
        return self.see(), rewards, {"__all__": False}, {"__all__": False}, {"pair": self.info}


@pytest.mark.parametrize("make", [TwoStepGameWithGroupedAgents, grouped, TwoStepGame])
def test_a_game_with_groups_is_played_by_its_agents(make):
    env = adapt(lambda copy: make(dict(WITH_STATE)), 2, OPTIONS)
    assert env.spec.agents == ("0", "1")
    assert (env.n_actions, env.obs_dim, env.state_dim) == (
        2,
        9,
        6,
    )  # one-hot of (2, 2, 2, 3) and of (2, 2, 2)
    check_team_env(env)
    env.reset(seed=0)
    env.step(np.array([[1, 0]] * 2))
    step = env.step(np.array([[1, 1], [0, 0]]))
    assert step.rewards.tolist() == [8, 0]  # agent 0 chose the second game, in which both must choose 1
    assert step.terminated.all()


def test_the_actions_of_a_group_reach_it_together():
    env = adapt(lambda copy: Crews(), 1, {"state": "observations", **OPTIONS})
    assert env.spec.agents == ("pair_0", "pair_1", "solo")
    assert env.reset(seed=0).obs[0].tolist() == [[1, 1], [2, 2], [3, 3]]
    env.step(np.array([[2, 0, 1]]))
    assert env.envs[0].got == [{"pair": (3, 1), "solo": 2}]


@pytest.mark.parametrize(
    ("reward", "info", "of_pair"),
    [
        (3.0, {}, [1.5, 1.5]),
        (3.0, {"_group_rewards": [1.0, 2.0]}, [1.0, 2.0]),
        (np.array([3.0]), {}, [1.5, 1.5]),
    ],
)
@pytest.mark.parametrize("team_reward", ["sum", "mean"])
def test_a_group_s_reward_is_shared(reward, info, of_pair, team_reward):
    options = {"state": "observations", "team_reward": team_reward, **OPTIONS}
    env = adapt(lambda copy: Crews(reward=reward, info=info), 1, options)
    env.reset(seed=0)
    total = sum(of_pair) + 1.0
    step = env.step(np.zeros((1, 3), int))
    assert step.rewards[0] == np.float32(total if team_reward == "sum" else total / 3)


def test_infos_of_a_group_are_those_of_its_agents():
    info = {"_group_info": [{"hits": 2}, {"hits": 4}], "won": True}
    env = adapt(lambda copy: Crews(info=info), 1, {"state": "observations", **OPTIONS})
    env.reset(seed=0)
    assert env.step(np.zeros((1, 3), int)).info_of(0) == {"hits": 3.0, "won": 1.0}


def test_a_group_that_cannot_be_taken_apart_is_named():
    options = {"state": "observations", **OPTIONS}
    with pytest.raises(SettingError, match=r"observation space of agent 'pair': .*does not fit its actions"):
        adapt(lambda copy: Crews(spaces=Tuple([SPACE] * 3)), 1, options)
    for wrong in ([np.ones(2)], np.float32(1), {"a": 1, "b": 2}):
        env = adapt(lambda copy, wrong=wrong: Crews(observations=wrong), 1, options)
        with pytest.raises(TeamEnvError, match=r"of group 'pair' \(str\) is a .*, expected 2 together"):
            env.reset(seed=0)


def test_an_agent_whose_actions_alone_are_a_tuple_is_one_agent():
    env = adapt(lambda copy: Crews(np.ones(2), spaces=SPACE), 1, {"state": "observations", **OPTIONS})
    assert (env.spec.agents, env.n_actions) == (("pair", "solo"), 9)
    env.reset(seed=0)
    env.step(np.array([[5, 1]]))
    assert env.envs[0].got == [{"pair": (2, 3), "solo": 2}]  # 5 = 1·3 + 2, and the parts begin at 1


def test_a_group_of_which_only_a_part_can_act_is_named():
    space = Dict(obs=SPACE, action_mask=Box(0, 1, (3,), np.int8))
    seen = [{"obs": np.ones(2), "action_mask": np.full(3, may, np.int8)} for may in (1, 0)]
    env = adapt(lambda copy: Crews(seen, spaces=Tuple([space] * 2)), 1, {"state": "observations", **OPTIONS})
    env.reset(seed=0)
    with pytest.raises(TeamEnvError, match="agent 'pair_1' of group 'pair' has no action available"):
        env.step(np.zeros((1, 3), int))
