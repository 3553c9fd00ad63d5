"""The penalty game in the form that EPyMARL's matrix games have: a space, an observation and a reward for each agent."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, Tuple


class Penalty(gymnasium.Env):
    def __init__(self, penalty: float = -25.0, steps: int = 5) -> None:
        self.n_agents = 2
        self.action_space = Tuple([Discrete(3)] * 2)
        self.observation_space = Tuple([Box(-np.inf, np.inf, (1,), np.float32)] * 2)
        self._payoff = [[10.0, 0.0, penalty], [0.0, 2.0, 0.0], [penalty, 0.0, 10.0]]
        self._steps, self._step = steps, 0

    def _seen(self) -> tuple[np.ndarray, ...]:
        return tuple(np.array([self._step], np.float32) for _ in range(2))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._step = 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        self._step += 1
        reward = self._payoff[action[0]][action[1]]
        over = self._step == self._steps
        return self._seen(), [reward, reward], [over, over], False, {}


gymnasium.register("penalty-v0", entry_point=Penalty, max_episode_steps=5)
