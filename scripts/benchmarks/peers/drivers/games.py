"""The games, as PettingZoo's ParallelEnv, which every system can play. Imported in the peers' own environments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from pettingzoo import ParallelEnv


@dataclass(frozen=True)
class Game:
    """What is played.

    Attributes:
        make: a copy of the environment.
        episode_limit: env steps of an episode, at most.
        ours: the name by which our command finds it; None if it has none.
    """

    make: Callable[[], Any]
    episode_limit: int
    ours: str | None = None


class _Team(ParallelEnv):
    """Agents that all see `obs_dim` numbers; the state is what all see, one after the other, but for subclasses."""

    def __init__(self, n_agents: int, obs_dim: int, n_actions: int, state_dim: int):
        self.possible_agents = [f"agent_{i}" for i in range(n_agents)]
        self.agents = list(self.possible_agents)
        self.observation_spaces = {agent: _numbers(obs_dim) for agent in self.agents}
        self.action_spaces = {agent: Discrete(n_actions) for agent in self.agents}
        self.state_space = _numbers(state_dim)

    def observation_space(self, agent: str) -> Space:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space:
        return self.action_spaces[agent]

    def _all(self, value: Any) -> dict[str, Any]:
        return dict.fromkeys(self.possible_agents, value)


def _numbers(size: int) -> Box:
    return Box(-np.inf, np.inf, (size,), np.float32)


class NullGame(_Team):
    """In the shape of the full Predator-Prey game, without a game: every step returns the same zeros."""

    metadata: ClassVar[dict[str, Any]] = {"name": "null", "render_modes": [], "is_parallelizable": True}
    render_mode = None
    n_agents, obs_dim, n_actions, state_dim, episode_limit = 8, 50, 6, 200, 200

    def __init__(self) -> None:
        super().__init__(self.n_agents, self.obs_dim, self.n_actions, self.state_dim)
        self._observations = self._all(np.zeros(self.obs_dim, np.float32))
        self._rewards, self._on, self._over = self._all(0.0), self._all(False), self._all(True)
        self._infos: dict[str, Any] = {agent: {} for agent in self.agents}
        self._state = np.zeros(self.state_dim, np.float32)
        self._steps = 0

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict, dict]:
        self.agents, self._steps = list(self.possible_agents), 0
        return self._observations, self._infos

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        self._steps += 1
        over = self._steps >= self.episode_limit
        if over:
            self.agents = []
        return self._observations, self._rewards, self._on, self._over if over else self._on, self._infos

    def state(self) -> np.ndarray:
        return self._state


class Foraging(_Team):
    """Level-Based Foraging, which has lists, as a ParallelEnv."""

    metadata: ClassVar[dict[str, Any]] = {"name": "foraging", "render_modes": [], "is_parallelizable": True}
    render_mode = None

    def __init__(self) -> None:
        import_module("lbforaging")
        self._env = gymnasium.make("Foraging-8x8-2p-2f-coop-v3", disable_env_checker=True).unwrapped
        observed, acted = self._env.observation_space.spaces, self._env.action_space.spaces  # type: ignore
        size = observed[0].shape[0]
        super().__init__(len(observed), size, int(acted[0].n), size * len(observed))
        self._observations: tuple[np.ndarray, ...] = ()

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict, dict]:
        self._observations, _ = self._env.reset(seed=seed)
        self.agents = list(self.possible_agents)
        return self._named(self._observations), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        choices = [int(actions[agent]) for agent in self.possible_agents]
        self._observations, rewards, terminated, truncated, _ = self._env.step(choices)
        if terminated or truncated:
            self.agents = []
        infos: dict[str, Any] = {agent: {} for agent in self.possible_agents}
        return (
            self._named(self._observations),
            self._named([float(reward) for reward in rewards]),  # type: ignore
            self._all(bool(terminated)),
            self._all(bool(truncated)),
            infos,
        )

    def state(self) -> np.ndarray:
        return np.concatenate(self._observations)

    def _named(self, values: Any) -> dict[str, Any]:
        return dict(zip(self.possible_agents, values, strict=True))


def _simple_spread() -> Any:
    return import_module("mpe2.simple_spread_v3").parallel_env()


GAMES = {
    "simple_spread": Game(_simple_spread, 25, "mpe2.simple_spread_v3"),
    "foraging": Game(Foraging, 50, "lbforaging:Foraging-8x8-2p-2f-coop-v3"),
    "null": Game(NullGame, NullGame.episode_limit),
}
