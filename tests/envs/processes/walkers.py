"""A game for tests in several processes; loads neither Ray nor PyTorch."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv

AGENTS = ("a", "b", "c")


class Walkers(ParallelEnv):
    """Agents walk on a line by chance, and leave; the copy is told by `index`.

    Args:
        index: of the copy.
        fails_at: step at which copy 2 raises, or shows NaN if `nan`.
        dies_at: step at which the process of copy 2 dies, by reset if 0.
        mark: file that the first death makes, so that there is no second.
        slow_s: seconds that a step takes.
        helper: file for the id of a process that it starts; `close` makes the file beside it with `.closed`.
    """

    metadata = {"name": "walkers"}  # noqa: RUF012
    max_cycles = 7

    def __init__(
        self, index=0, *, fails_at=None, nan=False, dies_at=None, mark=None, slow_s=0.0, helper=None
    ):
        self.possible_agents = list(AGENTS)
        self.helper = helper and Path(f"{helper}.{index}")
        if self.helper:
            self.helper.write_text(str(subprocess.Popen(["sleep", "60"]).pid))
        self.index, self.fails_at, self.nan, self.slow_s = index, fails_at, nan, slow_s
        self.dies_at, self.mark = dies_at, mark
        self.seeds = []

    def observation_space(self, agent):
        return Box(-99, 99, (2,), np.float32)

    def action_space(self, agent):
        return Discrete(3)

    def state(self):
        return np.concatenate([self.places, [self.time]])

    def reset(self, seed=None, options=None):
        self.rng, self.time = np.random.default_rng(seed), 0
        self.seeds.append(seed)
        self.agents, self.places = list(AGENTS), self.rng.normal(size=3)
        if seed is not None:  # not to be measured
            self._die_at(0)
        return self._seen(AGENTS), {}

    def step(self, actions):
        self.time += 1
        time.sleep(self.slow_s)
        self._die_at(self.time)
        if self.index == 2 and self.time == self.fails_at and not self.nan:
            raise OSError("the line is broken")
        for agent, action in actions.items():
            self.places[AGENTS.index(agent)] += action - 1 + self.rng.normal()
        played = list(self.agents)
        left = {agent: bool(self.rng.random() < 0.1) for agent in played}
        self.agents = [agent for agent in played if not left[agent]]
        infos = {agent: {"luck": float(self.rng.random())} for agent in played if self.time % 2}
        rewards = {agent: float(self.rng.normal()) for agent in played}
        return self._seen(played), rewards, left, dict.fromkeys(played, False), infos

    def _seen(self, agents):
        place = np.nan if self.nan and self.index == 2 and self.time == self.fails_at else 0.0
        return {agent: np.array([self.places[AGENTS.index(agent)], place]) for agent in agents}

    def _die_at(self, step):
        if self.index == 2 and self.dies_at == step and not (self.mark and Path(self.mark).exists()):
            if self.mark:
                Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self):
        if self.helper:
            self.helper.with_suffix(".closed").touch()

    def render(self):
        return np.full((2, 2, 3), self.index, np.uint8)


class Pictures(Walkers):
    """Agents that see small pictures."""

    def observation_space(self, agent):
        return Box(0, 255, (8, 9, 3), np.uint8)

    def reset(self, seed=None, options=None):
        _, infos = super().reset(seed=seed, options=options)
        return {agent: np.zeros((8, 9, 3), np.uint8) for agent in self.agents}, infos
