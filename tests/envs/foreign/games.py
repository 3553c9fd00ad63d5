"""A small RLlib and a small PettingZoo environment that tests change in one place."""

import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv
from ray.rllib.env.multi_agent_env import MultiAgentEnv

AGENTS = ("a", "b")
OPTIONS = {"state": "observations", "episode_limit": 6}


class Script:
    """What both kinds share: agents a and b see the time, and are paid 1 each."""

    space, actions, length = Box(0, 99, (2,)), Discrete(3), 6

    def __init__(self, config=None):
        super().__init__()
        self.possible_agents = list(AGENTS)
        self.agents = list(AGENTS)
        self.observation_spaces = dict.fromkeys(AGENTS, self.space)
        self.action_spaces = dict.fromkeys(AGENTS, self.actions)
        self.got = []

    def see(self):
        return {agent: np.full(2, self.time + 1, np.float32) for agent in AGENTS}

    def pay(self):
        return dict.fromkeys(AGENTS, 1.0)

    def tell(self):
        return {}

    def cut(self):
        return {}

    def reset(self, *, seed=None, options=None):
        self.time = 0
        self.begin()
        return self.see(), self.tell()

    def begin(self):
        pass

    def step(self, actions):
        self.got.append(dict(actions))
        self.time += 1
        return self.see(), self.pay(), self.end(), self.cut(), self.tell()


class Of(Script, MultiAgentEnv):
    """RLlib's."""

    def end(self):
        return {"__all__": self.time >= self.length}


class Zoo(Script, ParallelEnv):
    """PettingZoo's; `listed` says who is in `agents` after a step."""

    metadata = {"name": "zoo"}  # noqa: RUF012

    def observation_space(self, agent):
        return self.observation_spaces[agent]

    def action_space(self, agent):
        return self.action_spaces[agent]

    def listed(self):
        return list(AGENTS) if self.time < self.length else []

    def begin(self):
        self.agents = self.listed()

    def end(self):
        before, self.agents = self.agents, self.listed()
        return {agent: agent not in self.agents for agent in before}


def changed(base, **methods):
    """An instance of a class that differs in these."""
    return type("Changed", (base,), methods)()
