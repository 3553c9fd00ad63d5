"""Our environments for other libraries: any TeamEnv as a PettingZoo ParallelEnv."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import logger
from gymnasium.spaces import Box, Dict, Discrete, Space
from pettingzoo import ParallelEnv

from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_choice


def parallel_env(name: str, /, *, render_mode: str | None = None, **env_config: Any) -> TeamParallelEnv:
    """A registered environment as a PettingZoo ParallelEnv, e.g. `parallel_env("predator_prey", punishment=-2)`.

    Args:
        name: as in `config.environment(name)`.
        render_mode: None or "rgb_array".
        env_config: the environment's own settings.
    """
    from rllib_remix.envs.registry import make_team_env

    return TeamParallelEnv(make_team_env(name, env_config, 1), render_mode=render_mode)


class TeamParallelEnv(ParallelEnv):
    """One copy of a TeamEnv in PettingZoo's words.

    The agents ("agent_0", "agent_1", … where the TeamEnv names none) observe {"observation": [O], "action_mask": [U] int8}, all receive the team
    reward, and all terminate or truncate together; an agent that dies on the way stays, with one action left.
    Infos hold the mask again, the numbers of the TeamEnv's `info`, and `broken` if its episodes can break: such an
    episode is truncated, and should be thrown away. `state()` is the global state [S].

    As PettingZoo's own tests play without masks, an unavailable action does not raise here: a warning says so,
    and the agent takes its first available action instead.
    """

    def __init__(self, env: TeamEnv, render_mode: str | None = None) -> None:
        """
        Args:
            env: with num_envs = 1; it is reset once here, as only a step shows the dtypes for the spaces.
            render_mode: None or "rgb_array".

        Raises:
            SettingError: `env` has more than one copy, or the render mode is another.
        """
        if env.num_envs != 1:
            raise SettingError(
                f"num_envs: {env.num_envs} is not allowed; a ParallelEnv is 1 copy of the game."
            )
        if render_mode is not None:
            check_choice("render_mode", render_mode, ["rgb_array"])
        self.metadata = {
            "name": type(env).__name__,
            "render_modes": ["rgb_array"],
            "render_fps": 4,
            "is_parallelizable": True,
        }
        self.render_mode = render_mode
        self.team_env = env
        self.episode_limit = env.episode_limit
        self.possible_agents = list(env.spec.agents)
        self.agents = []
        first = env.reset()
        self._state = first.state[0].copy()
        self.state_space = _box(first.state[0])
        self.observation_spaces = {agent: _observation_space(first) for agent in self.possible_agents}
        self.action_spaces = {agent: Discrete(env.n_actions) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> Space:
        """Dict(observation=Box [O], action_mask=Box [U] int8), the same object on every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space:
        """Discrete(U), the same object on every call."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Starts a new episode; `options` is not used."""
        self.agents = self.possible_agents.copy()
        step = self.team_env.reset(seed=seed)
        return self._observations(step), self._infos(step)

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """Moves on by one step; empty dicts once the episode is over, until `reset`.

        Raises:
            ValueError: an agent has no action.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise ValueError(f"actions: none for {', '.join(missing)}; every agent acts on every step.")
        step = self.team_env.step(self._joint_action(actions))
        rewards = dict.fromkeys(self.agents, float(step.rewards[0]))
        terminations = dict.fromkeys(self.agents, bool(step.terminated[0]))
        truncations = dict.fromkeys(self.agents, bool(step.truncated[0]))
        if step.terminated[0] or step.truncated[0]:
            self.agents = []
        return self._observations(step), rewards, terminations, truncations, self._infos(step)

    def _joint_action(self, actions: dict[str, Any]) -> np.ndarray:
        """[1, n] int, every action available."""
        joint = np.array([int(actions[agent]) for agent in self.possible_agents])
        for index in np.flatnonzero(~self._avail_actions[np.arange(len(joint)), joint]):
            allowed = np.flatnonzero(self._avail_actions[index])
            logger.warn(
                f"action {joint[index]} of {self.possible_agents[index]} is not available (see action_mask); "
                f"it takes {allowed[0]} instead. Allowed: {', '.join(map(str, allowed))}."
            )
            joint[index] = allowed[0]
        return joint[None]

    def _observations(self, step: TeamStep) -> dict[str, dict[str, np.ndarray]]:
        self._avail_actions = step.avail_actions[0].copy()
        self._state = step.state[0].copy()
        return {
            agent: {"observation": seen.copy(), "action_mask": mask.astype(np.int8)}
            for agent, seen, mask in zip(
                self.possible_agents, step.obs[0], step.avail_actions[0], strict=True
            )
        }

    def _infos(self, step: TeamStep) -> dict[str, dict[str, Any]]:
        numbers = {name: step.info[name][0].item() for name in step.info_of(0)}
        if step.broken is not None:
            numbers["broken"] = bool(step.broken[0])
        return {
            agent: {"action_mask": mask.astype(np.int8), **numbers}
            for agent, mask in zip(self.possible_agents, step.avail_actions[0], strict=True)
        }

    def state(self) -> np.ndarray:
        """[S], the global state, of the last step too."""
        return self._state

    def render(self) -> np.ndarray | None:
        """[H, W, 3] uint8, or None and a warning without a render mode."""
        if self.render_mode is None:
            logger.warn('render() without a render mode; make the environment with render_mode="rgb_array".')
            return None
        return self.team_env.render(0)

    def close(self) -> None:
        """Closes the TeamEnv."""
        self.team_env.close()


def _observation_space(step: TeamStep) -> Dict:
    mask = Box(0, 1, step.avail_actions[0, 0].shape, np.int8)
    return Dict({"observation": _box(step.obs[0, 0]), "action_mask": mask})


def _box(example: np.ndarray) -> Box:
    """The widest Box of the example's shape and dtype."""
    kind = example.dtype.kind
    if kind == "f":
        low, high = -np.inf, np.inf
    elif kind == "b":
        low, high = 0, 1
    else:
        low, high = np.iinfo(example.dtype).min, np.iinfo(example.dtype).max
    return Box(low, high, example.shape, example.dtype.type)
