"""Overcooked-AI's `OvercookedEnv` as a PettingZoo ParallelEnv."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from pettingzoo import ParallelEnv

from rllib_remix.envs.checker import TeamEnvError

NAME = "overcooked_ai_py.mdp.overcooked_env.OvercookedEnv"
_ENDLESS = 10**6  # env steps; the package's own horizon, where none is given, is beyond all memory


def is_overcooked(env: Any) -> bool:
    """Whether this is an `OvercookedEnv`; the package may not be installed."""
    return any(f"{base.__module__}.{base.__qualname__}" == NAME for base in type(env).__mro__)


class OvercookedParallelEnv(ParallelEnv):
    """Two cooks, agent_0 and agent_1, in the places that the layout gives them.

    Each observes the package's lossless encoding of the kitchen as it sees it, flat, uint8; the state is that of
    agent_0. Rewards are the sparse ones, for soups that are served, of the agent that serves; the infos hold
    `shaped_return`, what the package's shaping would have paid since the episode began. The horizon truncates.
    """

    metadata = {"name": "overcooked", "render_modes": []}  # noqa: RUF012
    render_mode = None

    def __init__(self, env: Any) -> None:
        """
        Args:
            env: an `OvercookedEnv` of two players.
        """
        from overcooked_ai_py.mdp.actions import Action

        self.env = env
        if env.horizon < _ENDLESS:
            self.episode_limit = int(env.horizon)
        self.possible_agents = ["agent_0", "agent_1"]
        self.agents = []
        self._actions = list(Action.INDEX_TO_ACTION)
        self._action_space = Discrete(len(self._actions))
        self._observation_space = Box(0, 255, (len(self._encoded()[0]),), np.uint8)

    def observation_space(self, agent: str) -> Space:
        """Box [W · H · layers] uint8."""
        return self._observation_space

    def action_space(self, agent: str) -> Space:
        """Discrete: the four directions, stay, interact."""
        return self._action_space

    def reset(self, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Starts a new episode; the package draws random starts and layouts from the streams of the whole process."""
        self.agents = self.possible_agents.copy()
        with _seeded(seed):
            self.env.reset()
        return self._observed(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """Moves both cooks at once."""
        agents = self.possible_agents
        _, _, over, info = self.env.step(tuple(self._actions[int(actions[agent])] for agent in agents))
        terminated = bool(over and self.env.mdp.is_terminal(self.env.state))
        shaped = self.env.game_stats["cumulative_shaped_rewards_by_agent"]
        observed = self._observed()
        self.agents = [] if over else agents.copy()
        return (
            observed,
            {agent: float(info["sparse_r_by_agent"][index]) for index, agent in enumerate(agents)},
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, bool(over and not terminated)),
            {agent: {"shaped_return": float(shaped[index])} for index, agent in enumerate(agents)},
        )

    def state(self) -> np.ndarray:
        """The encoding that agent_0 observes."""
        return self._encoded()[0]

    def _observed(self) -> dict[str, np.ndarray]:
        return dict(zip(self.possible_agents, self._encoded(), strict=True))

    def _encoded(self) -> list[np.ndarray]:
        return [_as_bytes(seen) for seen in self.env.lossless_state_encoding_mdp(self.env.state)]


def _as_bytes(seen: np.ndarray) -> np.ndarray:
    """The package's int64, flat, as uint8."""
    if seen.min() < 0 or seen.max() > 255:
        raise TeamEnvError(
            f"OvercookedEnv: the encoding holds {seen.min()} to {seen.max()}; it must be 0 to 255."
        )
    return seen.astype(np.uint8).ravel()


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Within `with`, `random` and `np.random` begin at a seed, if one is given; then they go on where they were."""
    if seed is None:
        yield
        return
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
