"""A game of pictures that two agents learn in a second."""

import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv

LIMIT = 2
AGENTS = ("left", "right")


class Pictures(ParallelEnv):
    """Each agent sees a bright spot on dark noise, and is paid 1 for saying in which of two halves it is.

    Settings: `shape` (H, W, C), or (C, H, W) with `channels_first`; `state` is what the agents see.
    """

    metadata = {"name": "pictures"}  # noqa: RUF012

    def __init__(self, config=None):
        self._shape = tuple((config or {}).get("shape", (6, 8, 3)))
        self._first = (config or {}).get("channels_first", False)
        self.possible_agents, self.agents = list(AGENTS), []

    def observation_space(self, agent):
        shape = (self._shape[2], *self._shape[:2]) if self._first else self._shape
        return Box(0, 255, shape, np.uint8)

    def action_space(self, agent):
        return Discrete(2)

    def reset(self, seed=None, options=None):
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self.agents, self._time = list(AGENTS), 0
        return self._show(), {}

    def _show(self):
        self._halves, shown = {}, {}
        height, width, channels = self._shape
        for agent in AGENTS:
            picture = self._rng.integers(60, size=self._shape, dtype=np.uint8)
            y, x = self._rng.integers(height - 1), self._rng.integers(width - 1)
            picture[y : y + 2, x : x + 2, self._rng.integers(channels)] = 250
            self._halves[agent] = int(2 * x + 1 >= width - 1)
            shown[agent] = np.moveaxis(picture, -1, 0) if self._first else picture
        return shown

    def step(self, actions):
        rewards = {agent: float(actions[agent] == self._halves[agent]) for agent in AGENTS}
        self._time += 1
        over = self._time >= LIMIT
        shown = self._show()
        if over:
            self.agents = []
        return shown, rewards, dict.fromkeys(AGENTS, over), dict.fromkeys(AGENTS, False), {}
