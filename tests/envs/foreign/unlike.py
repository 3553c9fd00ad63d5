"""Environments of unlike agents: a PettingZoo one and one of RLlib whose agents take turns."""

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from pettingzoo import ParallelEnv
from ray.rllib.env.multi_agent_env import MultiAgentEnv

SIZES = {"ant": 3, "bee": 2}  # numbers in the agents' observations
ACTIONS = {"ant": 2, "bee": 4}


class Meadow(ParallelEnv):
    """Two unlike agents: `script[agent][t]` tells what happens to it at step t, "terminated" or "truncated"."""

    metadata = {"name": "meadow"}  # noqa: RUF012
    max_cycles = 6

    def __init__(self, script=None, mask=None, dtype=np.float32):
        self.possible_agents = list(SIZES)
        self.agents = []
        self.script = script or {}
        self.mask = mask
        self.observation_spaces = {a: Box(0, 9, (k,), dtype) for a, k in SIZES.items()}
        self.action_spaces = {a: Discrete(k) for a, k in ACTIONS.items()}
        self.dtype = dtype
        self.received = []

    def observation_space(self, agent):
        return self.observation_spaces[agent]

    def action_space(self, agent):
        return self.action_spaces[agent]

    def reset(self, seed=None, options=None):
        self.seed = seed
        self.agents = self.possible_agents.copy()
        self.time = 0
        return self._observe(), self._infos()

    def step(self, actions):
        self.received.append(actions)
        self.time += 1
        flags = {a: self.script.get(a, {}).get(self.time, "") for a in self.agents}
        if self.time == self.max_cycles:
            flags = {a: flag or "truncated" for a, flag in flags.items()}
        observations, infos = self._observe(), self._infos()
        self.agents = [a for a, flag in flags.items() if not flag]
        rewards = {a: {"ant": 1.0, "bee": 3.0}[a] for a in flags}
        terminations = {a: flag == "terminated" for a, flag in flags.items()}
        truncations = {a: flag == "truncated" for a, flag in flags.items()}
        return observations, rewards, terminations, truncations, infos

    def _observe(self):
        return {a: np.full(SIZES[a], self.time + 1, self.dtype) for a in self.agents}

    def _infos(self):
        return {a: {} if self.mask is None else {"action_mask": self.mask[a]} for a in self.agents}

    def state(self):
        return np.array([self.time, len(self.agents)])


class Hive(MultiAgentEnv):
    """RLlib agents that take turns: "even" is observed at even times, "odd" at odd times, both at the end."""

    def __init__(self, end="terminated", where="info"):
        super().__init__()
        self.possible_agents = self.agents = ["even", "odd"]
        self.end, self.where = end, where
        inner = {"observation": Discrete(5), "action_mask": MultiBinary(3)}
        if where == "observation":
            inner["state"] = Box(0, 9, (1,))
        self.observation_spaces = {a: Dict(inner) for a in self.agents}
        self.action_spaces = {a: Discrete(3, start=10) for a in self.agents}
        self.received = []

    def reset(self, *, seed=None, options=None):
        self.time = 0
        return self._observe(["even"]), self._infos()

    def step(self, action_dict):
        self.received.append(action_dict)
        self.time += 1
        over = self.time == 4
        observations = self._observe(self.agents if over else [self.agents[self.time % 2]])
        ends = {"terminated": False, "truncated": False, self.end: over}
        flags = {"__all__": ends["terminated"]}, {"__all__": ends["truncated"]}
        return observations, dict.fromkeys(action_dict, 2.0), *flags, self._infos()

    def _observe(self, agents):
        own = {"state": np.array([self.time], np.float32)} if self.where == "observation" else {}
        return {
            a: {"observation": self.time, "action_mask": np.array([0, 1, 1], np.int8), **own} for a in agents
        }

    def _infos(self):
        return {"__common__": {"state": np.array([self.time, 7.0])}} if self.where == "info" else {}


def broken(method, change):
    """A Meadow whose `method` returns `change(self, result)`."""

    def changed(self, *args, **kwargs):
        return change(self, getattr(Meadow, method)(self, *args, **kwargs))

    return type("Broken", (Meadow,), {method: changed})


def played(env, joint_actions, seed=0):
    """Copies of the steps of one episode."""
    steps = [env.reset(seed=seed)]
    for actions in joint_actions:
        steps[-1] = type(steps[-1])(*(np.copy(part) for part in steps[-1][:6]), steps[-1].info)
        steps.append(env.step(np.tile(actions, (env.num_envs, 1))))
    return steps
