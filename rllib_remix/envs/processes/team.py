"""Copies of a slow environment, spread over several processes, as one TeamEnv."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np

from rllib_remix.envs.agent_layout import Layout
from rllib_remix.envs.processes.child import CLOSE_LIMIT_S, Child, ChildDied
from rllib_remix.envs.processes.messages import Failure, Opening, Shown, Team
from rllib_remix.envs.processes.shared_arrays import SharedArrays, new_memory
from rllib_remix.envs.team_env import BrokenEnvironment, TeamEnv, TeamStep
from rllib_remix.errors import SettingError

logger = logging.getLogger(__name__)

MAX_DEATHS_IN_A_ROW = 3  # of a process that is to begin episodes, before the environment is given up


class ProcessTeamEnv(TeamEnv):
    """N foreign environments, some in each process; all processes step at the same time, and wait for each other.

    Seeds, episodes and results are those of the same copies in one process. What an environment raises is raised here,
    caused by its traceback. When a process dies, another is started, the episodes that were played in it are `broken`,
    and the others go on.

    Attributes:
        assumed: what was taken for the adapter's options that were not given, a line each.
    """

    def __init__(
        self,
        make_env: Callable[[int], Any],
        num_envs: int,
        num_processes: int,
        options: dict[str, Any] | None = None,
    ) -> None:
        """
        Args:
            make_env: builds copy i in its process; what it refers to is pickled, or imported there.
            num_envs: N.
            num_processes: at most one for each copy is started.
            options: of the adapter, see `foreign.adapters.adapt`.

        Raises:
            SettingError: as the adapter's; or `make_env` cannot be pickled, or returns a TeamEnv.
        """
        self.num_envs = num_envs
        self._made, self._options = _pickled(make_env), dict(options or {})
        self._memory = new_memory()
        weakref.finalize(self, os.close, self._memory)
        self._entropy: Any = np.random.SeedSequence().entropy
        self._episodes = np.zeros(num_envs, np.int64)  # of every copy, that were begun
        self._faults = [""] * num_envs
        self._restarts = 0
        self._info: dict[str, np.ndarray] = {}
        parts = np.array_split(np.arange(num_envs), min(num_processes, num_envs))
        self._children: list[Child] = []
        try:
            self._children = [self._start(int(part[0]), len(part)) for part in parts]
            teams = [self._built(child) for child in self._children]
            self._take_team(teams)
            for child in self._children:
                child.told("share", num_envs)
                child.told("set_state", self._state_of(child))
        except BaseException:
            self.close()
            raise

    @property
    def agent_layout(self) -> Layout | None:
        return self._layout

    # Processes

    def _start(self, first: int, count: int) -> Child:
        own_path = os.environ.get("PYTHONPATH")
        opening = Opening(list(sys.path), own_path, self._made, first, count, self._options)
        return Child(opening, self._memory)

    def _built(self, child: Child) -> Team:
        try:
            answer = child.answer()
        except ChildDied as error:
            raise BrokenEnvironment(f"{error}, before its environments were made; see its output.") from error
        if isinstance(answer, Failure):
            raise answer.raised(child.copies)
        return answer

    def _take_team(self, teams: list[Team]) -> None:
        spec, views, self.assumed, self._layout = teams[0]
        for child, team in zip(self._children[1:], teams[1:], strict=True):
            if team.spec != spec or not _are_equal(team.views, views):
                raise SettingError(
                    f"make_env: copy {child.own.start} differs from copy 0 in its agents or spaces; all copies must be of "
                    "the same kind."
                )
        self.n_agents, self.n_actions, self.episode_limit = spec.n_agents, spec.n_actions, spec.episode_limit
        self.obs_dim, self.state_dim, self.agent_names = spec.obs_dim, spec.state_dim, spec.agents
        self.obs_shape = spec.obs_shape
        self.obs_dtype, self.state_dtype = np.dtype(spec.obs_dtype), np.dtype(spec.state_dtype)
        self._shared = SharedArrays(self._memory, spec, self.num_envs)
        self._shared.truncated[:] = True  # so that the first step of a copy is a reset
        self._broken = np.zeros(self.num_envs, bool)

    def _ask_all(self, request: str, *arguments: Any) -> list[tuple[Child, ChildDied]]:
        """What shows numbers, of all at the same time; returns whose process has died.

        Raises:
            Exception: what the first that failed has raised.
        """
        dead: list[tuple[Child, ChildDied]] = []
        asked: list[Child] = []
        failures: list[Exception] = []
        for child in self._children:
            try:
                child.ask(request, *arguments)
                asked.append(child)
            except ChildDied as death:
                dead.append((child, death))
        for child in asked:
            try:
                answer = child.answer()
            except ChildDied as death:
                dead.append((child, death))
                continue
            if isinstance(answer, Failure):
                failures.append(answer.raised(child.copies))
            else:
                self._note_info(child, answer)
        if failures:
            raise failures[0]
        return dead

    def _note_info(self, child: Child, shown: Shown, copies: list[int] | None = None) -> None:
        which: Any = slice(None) if copies is None else copies
        for name, values in self._info.items():
            if name not in shown.info:
                values[child.own][which] = np.nan
        for name, values in shown.info.items():
            if name not in self._info:
                self._info[name] = np.full(self.num_envs, np.nan)
            self._info[name][child.own][which] = values[which]

    def _replace(self, child: Child, death: ChildDied, *, due: np.ndarray) -> None:
        """Another process for one that died; the copies that were `due` [N] to begin an episode do so.

        Raises:
            BrokenEnvironment: it dies again and again.
        """
        here = np.zeros(self.num_envs, bool)
        here[child.own] = True
        copies = np.flatnonzero(due & here) - child.own.start
        for _ in range(MAX_DEATHS_IN_A_ROW):
            logger.warning("The environment lost a process and starts another: %s.", death)
            self._restarts += 1
            place = self._children.index(child)
            child.close(time.monotonic() + CLOSE_LIMIT_S)
            try:
                child = self._children[place] = self._start(child.own.start, child.own.stop - child.own.start)
                self._built(child)
                child.told("share", self.num_envs)
                child.told("set_state", self._state_of(child))
                if len(copies):
                    self._note_info(child, child.told("begin", copies.tolist()), copies.tolist())
                    self._episodes[copies + child.own.start] += 1
                return
            except ChildDied as again:
                death = again
                self._episodes[child.own] += 1  # Another seed may do better.
        raise BrokenEnvironment(
            f"{death}; it did so {MAX_DEATHS_IN_A_ROW} times in a row when it began an episode."
        ) from death

    # What a TeamEnv does

    def reset(self, seed: int | None = None) -> TeamStep:
        if seed is not None:
            self._entropy = int(seed)
            self._episodes[:] = 0
        self._broken[:] = False
        dead = self._ask_all("reset", seed)
        self._episodes += 1
        for child, death in dead:
            self._replace(child, death, due=np.ones(self.num_envs, bool))
        return self._current()

    def step(self, actions: np.ndarray) -> TeamStep:
        shared = self._shared
        due = shared.terminated | shared.truncated
        shared.actions[:] = actions
        self._broken[:] = False
        dead = self._ask_all("step")
        self._episodes += due
        for child, death in dead:
            own = np.zeros(self.num_envs, bool)
            own[child.own] = True
            lost = own & ~due
            self._replace(child, death, due=due)
            shared.rewards[lost], shared.terminated[lost], shared.truncated[lost] = 0, False, True
            self._broken |= lost
            for copy in np.flatnonzero(lost):
                self._faults[copy] = str(death)
        return self._current()

    def _current(self) -> TeamStep:
        shared = self._shared
        return TeamStep(
            shared.obs,
            shared.state,
            shared.avail_actions,
            shared.rewards,
            shared.terminated,
            shared.truncated,
            info=self._info,
            broken=self._broken,
            agent_returns=shared.agent_returns,
        )

    @property
    def infos(self) -> list[dict[Any, Any]]:
        """[N], what each environment said in its latest infos."""
        return [infos for child in self._children for infos in child.told("infos")]

    def fault(self, copy: int) -> str:
        return self._faults[copy]

    def counters(self) -> dict[str, int]:
        return {"env_process_restarts": self._restarts}

    def render(self, copy: int = 0) -> np.ndarray:
        child = next(child for child in self._children if child.own.start <= copy < child.own.stop)
        return child.told("render", copy - child.own.start)

    def _state_of(self, child: Child) -> dict[str, Any]:
        return {"entropy": self._entropy, "episodes": self._episodes[child.own].tolist()}

    def get_state(self) -> dict[str, Any]:
        """As of the same copies in one process."""
        return {"entropy": self._entropy, "episodes": self._episodes.tolist()}

    def set_state(self, state: dict[str, Any]) -> None:
        if len(state["episodes"]) == self.num_envs:
            self._entropy, self._episodes[:] = state["entropy"], state["episodes"]
            for child in self._children:
                child.told("set_state", self._state_of(child))

    def close(self) -> None:
        for child in self._children:
            child.begin_close()
        deadline = time.monotonic() + CLOSE_LIMIT_S
        for child in self._children:
            child.close(deadline)


def _are_equal(views: bytes, others: bytes) -> bool:
    """Whether views are equal, pickled; a space that was sampled keeps its random numbers, and is pickled with them."""
    return views == others or pickle.loads(views) == pickle.loads(others)


def _pickled(make_env: Callable[[int], Any]) -> bytes:
    try:
        return cloudpickle.dumps(make_env)
    except Exception as error:
        raise SettingError(
            f"num_env_processes: what makes the environment cannot be sent to another process ({error}); allowed: 0, or "
            "a creator that refers to nothing that is open or running."
        ) from error
