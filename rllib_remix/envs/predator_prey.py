"""Predator-Prey with a punishment for lone catches ("stag hunt", Böhmer et al. 2020), N copies at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.envs import predator_prey_kernels as kernels
from rllib_remix.envs.drawing import Canvas
from rllib_remix.envs.random_streams import new_streams
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_flag, check_number

ACTION_NAMES = ("right", "down", "left", "up", "stay", "catch")


class PredatorPrey(TeamEnv):
    """Predators on a bounded grid must catch prey together; whoever tries alone is punished.

    Defaults are the setting of the ReMIX and MAC-PO papers. In every step predators move one after the other in
    a random order; then each prey, in a random order, is captured if `catchers_needed` or more active predators
    beside it chose catch (they leave the grid with it), or costs `punishment` if fewer but at least one did, and
    moves to a random free neighbouring cell if it was not captured. With 8 predators and two catchers per prey
    the best return is 40.

    Args:
        num_envs: copies N that are stepped together.
        grid_height, grid_width: cells.
        num_predators, num_prey: entities at the start, all on distinct cells.
        sight: cells that an agent sees in each direction; the window is (2·sight + 1)² cells.
        episode_limit: env steps after which an episode is truncated.
        capture_reward: team reward for each captured prey.
        punishment: team reward, 0 or below, for each prey that too few predators tried to catch in a step.
        mask_blocked_moves: True makes a move into a held cell unavailable (the papers' text); False makes it
            available and without effect (the reference implementation; use it to compare with published curves).
        catchers_needed: predators that it takes to capture a prey.

    Observation (per agent): uint8 [(2·sight + 1)²·2], the window row by row, channels (predators, prey); cells
    off the grid, and everything for a removed agent, are 0. State: uint8 [H·W·2], the grid in the same form.
    Info: `prey_captured` and `lone_catches`, both counted from the start of the episode.

    Raises:
        SettingError: a setting out of its range, or more entities than cells.
    """

    n_actions = kernels.N_ACTIONS
    obs_dtype = state_dtype = np.dtype(np.uint8)

    def __init__(
        self,
        num_envs: int = 1,
        *,
        grid_height: int = 10,
        grid_width: int = 10,
        num_predators: int = 8,
        num_prey: int = 8,
        sight: int = 2,
        episode_limit: int = 200,
        capture_reward: float = 10.0,
        punishment: float = -2.0,
        mask_blocked_moves: bool = True,
        catchers_needed: int = 2,
    ):
        for name, value, low, high in (
            ("num_envs", num_envs, 1, 2**20),
            ("grid_height", grid_height, 2, 1000),
            ("grid_width", grid_width, 2, 1000),
            ("num_predators", num_predators, 1, 1000),
            ("num_prey", num_prey, 1, 1000),
            ("sight", sight, 0, 100),
            ("episode_limit", episode_limit, 1, 10**6),
            ("catchers_needed", catchers_needed, 1, 4),
        ):
            check_number(f"predator_prey.{name}", value, low=low, high=high, integer=True)
        check_number("predator_prey.capture_reward", capture_reward, low=0)
        check_number("predator_prey.punishment", punishment, high=0)
        check_flag("predator_prey.mask_blocked_moves", mask_blocked_moves)
        # A configuration file may say 1e1 for 10.
        grid_height, grid_width, num_prey = int(grid_height), int(grid_width), int(num_prey)
        cells, entities = grid_height * grid_width, int(num_predators) + num_prey
        if entities > cells:
            raise SettingError(
                f"predator_prey: num_predators + num_prey is {entities}, but a grid of {grid_height} × {grid_width} "
                f"has only {cells} cells; allowed: at most one entity per cell."
            )
        self.num_envs, self.n_agents, self.episode_limit = (
            int(num_envs),
            int(num_predators),
            int(episode_limit),
        )
        self.sight, self.mask_blocked_moves = int(sight), mask_blocked_moves
        self.catchers_needed = int(catchers_needed)
        self.capture_reward, self.punishment = float(capture_reward), float(punishment)
        side = 2 * self.sight + 1
        self.obs_dim, self.state_dim = side * side * 2, cells * 2
        self._allocate(grid_height, grid_width, num_prey, side)
        self._streams = new_streams(None, self.num_envs)

    def _allocate(self, height: int, width: int, num_prey: int, side: int) -> None:
        copies, agents = self.num_envs, self.n_agents
        self.grid = np.zeros((copies, height, width, 2), np.uint8)
        self.predator_positions = np.zeros((copies, agents, 2), np.int16)
        self.predator_alive = np.zeros((copies, agents), np.bool_)
        self.prey_positions = np.zeros((copies, num_prey, 2), np.int16)
        self.prey_alive = np.zeros((copies, num_prey), np.bool_)
        self._counts = np.zeros((copies, 2), np.int32)
        self._steps = np.zeros(copies, np.int32)
        self._obs = np.zeros((copies, agents, side, side, 2), np.uint8)
        self._avail = np.zeros((copies, agents, self.n_actions), np.bool_)
        self._rewards = np.zeros(copies, np.float32)
        self._terminated = np.zeros(copies, np.bool_)
        self._truncated = np.ones(copies, np.bool_)
        self._actions = np.full((copies, agents), kernels.STAY, np.int64)
        # Scratch space of the kernels, so that a step allocates nothing.
        self._predator_order, self._prey_order = np.arange(agents), np.arange(num_prey)
        self._catching, self._catchers = np.zeros(agents, np.int64), np.zeros(agents, np.int64)

    def reset(self, seed: int | None = None) -> TeamStep:
        if seed is not None:
            self._streams = new_streams(seed, self.num_envs)
        self._terminated[:] = False
        self._truncated[:] = True
        return self.step(np.full((self.num_envs, self.n_agents), kernels.STAY))

    def step(self, actions: np.ndarray) -> TeamStep:
        self._actions[:] = actions
        illegal = kernels.step_all(
            self._actions, self.grid, self.predator_positions, self.predator_alive, self.prey_positions,
            self.prey_alive, self._streams, self._predator_order, self._prey_order, self._catching, self._catchers,
            self.catchers_needed, self.capture_reward, self.punishment, self._counts, self.sight,
            self.mask_blocked_moves, self.episode_limit, self._steps, self._obs, self._avail, self._rewards,
            self._terminated, self._truncated,
        )  # fmt: skip
        if illegal >= 0:
            self._raise_illegal(*divmod(illegal, self.n_agents))
        return self.current()

    def current(self) -> TeamStep:
        """The step that was returned last."""
        return TeamStep(
            obs=self._obs.reshape(self.num_envs, self.n_agents, self.obs_dim),
            state=self.grid.reshape(self.num_envs, self.state_dim),
            avail_actions=self._avail,
            rewards=self._rewards,
            terminated=self._terminated,
            truncated=self._truncated,
            info={"prey_captured": self._counts[:, 0], "lone_catches": self._counts[:, 1]},
        )

    def _raise_illegal(self, copy: int, agent: int) -> None:
        action = int(self._actions[copy, agent])
        name = ACTION_NAMES[action] if 0 <= action < self.n_actions else "no action"
        allowed = [f"{i} ({ACTION_NAMES[i]})" for i in np.flatnonzero(self._avail[copy, agent])]
        raise ValueError(
            f"predator_prey: action {action} ({name}) of agent {agent} in copy {copy} is not available; "
            f"allowed now: {', '.join(allowed)}."
        )

    def get_state(self) -> dict[str, Any]:
        return {"streams": self._streams.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        if len(state["streams"]) == self.num_envs:
            self._streams = np.array(state["streams"], dtype=np.uint64)

    def render(self, copy: int = 0) -> np.ndarray:
        """[H·24 + 1, W·24 + 1, 3] uint8: predators blue (orange while they try to catch), prey green.

        Pale marks show where predators and prey left the grid.
        """
        canvas = Canvas(self.grid.shape[1], self.grid.shape[2])
        prey, predators = self.prey_positions[copy], self.predator_positions[copy]
        prey_alive, predator_alive = self.prey_alive[copy], self.predator_alive[copy]
        for position in predators[~predator_alive]:
            canvas.disc(*position, radius=0.42, colour=(222, 228, 242))
        for position in prey[~prey_alive]:
            canvas.disc(*position, radius=0.32, colour=(206, 230, 206))
        for position in prey[prey_alive]:
            canvas.disc(*position, radius=0.32, colour=(70, 160, 70))
        for agent in np.flatnonzero(predator_alive):
            catching = self._steps[copy] > 0 and self._actions[copy, agent] == kernels.CATCH
            canvas.disc(*predators[agent], radius=0.42, colour=(235, 130, 30) if catching else (50, 90, 190))
        return canvas.pixels
