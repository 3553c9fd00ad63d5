"""StarCraft II with SMAC's client as a TeamEnv: N games that are started late, watched, and restarted."""

from __future__ import annotations

import random
import time
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.envs.smac.actions import check_form, illegal_action
from rllib_remix.envs.smac.capabilities import with_scenario
from rllib_remix.envs.smac.folders import WorkFolder
from rllib_remix.envs.smac.game import Game, GameFault, SmacError
from rllib_remix.envs.smac.layout import smac_layout
from rllib_remix.envs.smac.messages import Observed
from rllib_remix.envs.smac.preflight import build_of, refuse_problems
from rllib_remix.envs.smac.settings import LONGEST_BACKOFF_S, SmacSettings, Smacv2Settings
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.settings import check_keys, check_number

_INFO: dict[str, type] = {
    "battle_won": np.bool_,
    "dead_allies": np.int64,
    "dead_enemies": np.int64,
    "episode_limit": np.int64,
    "game_build": np.int64,
}
_LINES_OF_LOG = 8


class Smac(TeamEnv):
    """N games of StarCraft II, each with SMAC's client in a process of its own; all step at the same time.

    No game is started before the first reset: sizes come from the table of maps. A game that crashes, hangs or
    ends breaks its copy's episode, which is marked in `TeamStep.broken`; the others go on. The copy's next
    episode is another game's, with a new seed.

    Args:
        num_envs: copies N.
        settings: see SmacSettings.

    Observation and state: float32, as SMAC has them (see SmacLayout). Info: `battle_won`, `dead_allies`,
    `dead_enemies`, `episode_limit` (1 if the episode ended by the time limit) and `game_build` (StarCraft II's
    base build, or 0), at the latest step.

    Raises:
        SettingError: a setting that cannot be, or an installation that is not complete; it lists all that is
            missing.
    """

    env_id = "smac"
    settings_class: type[SmacSettings] = SmacSettings
    published = "oxwhirl's version 1"

    def __init__(self, num_envs: int = 1, **settings: Any):
        check_number(f"{self.env_id}.num_envs", num_envs, low=1, high=1024, integer=True)
        check_keys(f"env_config of {self.env_id!r}", settings, self.setting_names())
        self.settings = self.settings_class(**self._meant(settings))
        if self.settings.client == self.settings_class.client:
            wanted = self.settings
            refuse_problems(wanted.map_name, wanted.game_version, wanted.sc2_path, env=self.env_id)
        layout = smac_layout(self.settings)
        self.num_envs = int(num_envs)
        self.n_agents, self.n_actions = layout.n_agents, layout.n_actions
        self.obs_dim, self.state_dim = layout.obs_dim, layout.state_dim
        self.episode_limit = self.settings.map.episode_limit
        self._folder = WorkFolder()
        self._games = [Game(copy, self.settings, self._folder) for copy in range(self.num_envs)]
        self._seed: int | None = None
        self._faults = [""] * self.num_envs
        self._allocate()

    @classmethod
    def setting_names(cls) -> list[str]:
        """What `env_config` may hold."""
        return [field.name for field in fields(cls.settings_class)]

    def _meant(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings that the given ones stand for."""
        return settings

    def _allocate(self) -> None:
        copies, agents = self.num_envs, self.n_agents
        self._obs = np.zeros((copies, agents, self.obs_dim), np.float32)
        self._state = np.zeros((copies, self.state_dim), np.float32)
        self._avail = np.zeros((copies, agents, self.n_actions), np.bool_)
        self._rewards = np.zeros(copies, np.float32)
        self._terminated, self._truncated, self._broken = np.zeros((3, copies), np.bool_)
        self._info = {name: np.zeros(copies, dtype) for name, dtype in _INFO.items()}
        self._steps = np.full(copies, -1)  # of the present episode; -1: there is none

    def reset(self, seed: int | None = None) -> TeamStep:
        """Starts a new episode in every copy; a copy that took no step since its last reset stays as it is.

        Args:
            seed: as StarCraft II is seeded when it starts, this starts all games anew, but for those that this
                seed started and that took no step yet.
        """
        if seed is not None:
            for copy, game in enumerate(self._games):
                if not (seed == self._seed and game.is_as_seeded and self._steps[copy] == 0):
                    game.reseed(seed)
                    self._steps[copy] = -1
            self._seed = seed
        self._advance(np.flatnonzero(self._steps != 0), np.array([], np.int64))
        return self._current()

    def step(self, actions: np.ndarray) -> TeamStep:
        """Moves every copy on by one step.

        With `heuristic_ai` SMAC's script acts in place of the team; what it did is written into `actions`.

        Raises:
            ValueError: an action that its agent may not take; no game has moved then.
            SmacError: a game could not be started in `start_tries` tries, or there is no such client.
        """
        actions = np.asarray(actions)
        over = self._terminated | self._truncated | (self._steps < 0)
        self._check_actions(actions, ~over & (not self.settings.heuristic_ai))
        self._advance(np.flatnonzero(over), np.flatnonzero(~over), actions)
        return self._current()

    def fault(self, copy: int) -> str:
        return self._faults[copy]

    def counters(self) -> dict[str, int]:
        """Starts of games, and faults: crashes, hangs and failed starts."""
        return {
            "num_game_starts": sum(game.starts for game in self._games),
            "num_game_faults": sum(game.faults for game in self._games),
        }

    def pids(self) -> list[int | None]:
        """Of every copy's process, None where there is none; it leads the process group that holds the game."""
        return [game.pid for game in self._games]

    def close(self) -> None:
        """Ends all games, and saves their replays before if `replay_dir` is set; a later reset starts new ones."""
        for game in self._games:
            game.ask_to_stop()
        for game in self._games:
            game.stop()
        self._steps[:] = -1
        self._folder.close(keep_logs=any(game.faults for game in self._games))

    # One step of all games

    def _advance(self, starting: np.ndarray, playing: np.ndarray, actions: np.ndarray | None = None) -> None:
        """New episodes in the copies `starting`, a step in those `playing`, at the same time."""
        self._rewards[:] = 0
        for flags in (self._terminated, self._truncated, self._broken):
            flags[:] = False
        try:
            for copy in playing:
                assert actions is not None
                self._games[copy].begin_step(actions[copy].tolist())
            for copy in starting:
                self._games[copy].begin_episode()
            for copy in playing:
                assert actions is not None
                self._take_step(copy, actions)
            self._take_first(starting)
        except BaseException:
            # Some games have moved and others have not: none of these episodes can go on.
            for game in self._games:
                game.kill()
            self._steps[:] = -1
            raise

    def _take_step(self, copy: int, actions: np.ndarray) -> None:
        game = self._games[copy]
        try:
            seen = game.finish()
        except GameFault as fault:
            self._faults[copy] = f"{fault}; its output is in {game.log}"
            self._broken[copy] = self._truncated[copy] = True
            self._steps[copy] = -1
            return
        self._show(copy, seen)
        self._steps[copy] += 1
        self._rewards[copy] = seen.reward
        if self.settings.heuristic_ai:
            actions[copy] = seen.actions
        timed_out = bool(seen.info.get("episode_limit", False))
        timed_out |= not seen.terminated and self._steps[copy] >= self.episode_limit
        self._info["episode_limit"][copy] = timed_out
        self._truncated[copy] = timed_out and self.settings.continuing_episode
        self._terminated[copy] = (seen.terminated or timed_out) and not self._truncated[copy]

    def _take_first(self, copies: np.ndarray) -> None:
        """The first observations of new episodes; games that fail are started again, ever later.

        Raises:
            SmacError: a game could not be started in `start_tries` tries.
        """
        for tries in range(1, int(self.settings.start_tries) + 1):
            failed, last = [], ""
            for copy in copies:
                try:
                    seen = self._games[copy].finish()
                except GameFault as fault:
                    failed, last = [*failed, copy], str(fault)
                else:
                    self._steps[copy] = 0
                    self._show(copy, seen)
            if not failed:
                return
            copies = np.array(failed)
            if tries < self.settings.start_tries:
                # Partly left to chance, so that many workers do not try again at the same moment.
                backoff = min(LONGEST_BACKOFF_S, self.settings.start_backoff_s * 2 ** (tries - 1))
                time.sleep(backoff * random.uniform(0.5, 1.0))
                for copy in copies:
                    self._games[copy].begin_episode()
        log = self._games[copies[0]].log
        raise SmacError(
            f"smac: the game of copy {copies[0]} failed to start {self.settings.start_tries} times in a row "
            f"(start_tries); the last time: {last}. `rllib smac check` looks for what is missing; the output of "
            f"the game is in {log}{_end_of(log)}"
        )

    def _show(self, copy: int, seen: Observed) -> None:
        obs, state = self._with_time_in_its_place(seen)
        for name, shown, expected in (
            ("obs", obs.shape, self._obs.shape[1:]),
            ("state", state.shape, self._state.shape[1:]),
            ("avail_actions", seen.avail_actions.shape, self._avail.shape[1:]),
        ):
            if shown != expected:
                raise SmacError(
                    f"{self.env_id}: {name} of the game is of shape {shown}, but on map {self.settings.map_name!r} with "
                    f"these settings it is {expected}; this is another SMAC than {self.published}."
                )
        self._obs[copy], self._state[copy], self._avail[copy] = obs, state, seen.avail_actions
        for name in ("battle_won", "dead_allies", "dead_enemies"):
            self._info[name][copy] = seen.info.get(name, 0)
        self._info["episode_limit"][copy] = 0
        self._info["game_build"][copy] = seen.game_build or self._installed_build

    @cached_property
    def _installed_build(self) -> int:
        return build_of(self.settings.game_version, self.settings.sc2_path)

    def _with_time_in_its_place(self, seen: Observed) -> tuple[np.ndarray, np.ndarray]:
        """SMAC keeps a place for the time at the end of an observation, but appends the time behind it."""
        obs, state = seen.obs, seen.state
        if self.settings.obs_timestep_number and obs.shape[-1] == self.obs_dim + 1:
            obs = np.delete(obs, self.obs_dim - 1, axis=-1)
            if self.settings.obs_instead_of_state:
                state = obs.reshape(-1)
        return obs, state

    def _check_actions(self, actions: np.ndarray, playing: np.ndarray) -> None:
        """Raises ValueError unless `actions` is [N, n] and available to all agents of the copies `playing` [N]."""
        check_form(self.env_id, actions, self.num_envs, self.n_agents)
        known = (actions >= 0) & (actions < self.n_actions)
        taken = np.take_along_axis(self._avail, np.where(known, actions, 0)[..., None], -1)[..., 0]
        illegal = np.argwhere(~(known & taken) & playing[:, None])
        if len(illegal):
            copy, agent = map(int, illegal[0])
            raise illegal_action(
                self.env_id,
                self.settings.map,
                copy,
                agent,
                int(actions[copy, agent]),
                self._avail[copy, agent],
            )

    def _current(self) -> TeamStep:
        return TeamStep(
            obs=self._obs,
            state=self._state,
            avail_actions=self._avail,
            rewards=self._rewards,
            terminated=self._terminated,
            truncated=self._truncated,
            info=self._info,
            broken=self._broken,
        )


class Smacv2(Smac):
    """N games of StarCraft II with SMACv2's client, whose maps draw teams and starts anew for every episode.

    Args:
        num_envs: copies N.
        settings: see Smacv2Settings; `map_name` may also be one of SMACv2's scenarios, such as `terran_5_vs_5`.

    All else as Smac. What SMACv2 draws follows from the game's seed.
    """

    env_id = "smacv2"
    settings_class = Smacv2Settings
    published = "oxwhirl's SMACv2"

    def _meant(self, settings: dict[str, Any]) -> dict[str, Any]:
        return with_scenario(settings)


def _end_of(log: Path) -> str:
    """The last lines of a log, as the end of a sentence; of tracebacks only what was raised."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    lines = [line for line in lines if line.strip() and not line.startswith((" ", "Traceback", "During"))]
    return ", and ends:\n" + "\n".join(lines[-_LINES_OF_LOG:]) if lines else " (empty)."
