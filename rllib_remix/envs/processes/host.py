"""A process that plays some copies of an environment, and ends when nobody asks any more."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from rllib_remix.envs.processes.messages import Failure, Opening, Shown, Team
from rllib_remix.envs.processes.shared_arrays import SharedArrays
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import SettingError

_LOOKS_EVERY_S = 0.5  # whether its parent is there
_NOTICES_S = 0.5  # until the main thread, where it waits, has seen that by itself
_CLOSE_LIMIT_S = 5.0  # for the environments, when the parent is gone


class Host:
    """Answers requests: the name of a method and its arguments.

    Args:
        connection: to the parent.
        memory: descriptor of the shared memory.
    """

    def __init__(self, connection: Connection, memory: int) -> None:
        self._connection, self._memory = connection, memory
        self._arrays: SharedArrays
        self._env: Any = None
        self._is_closed = threading.Event()
        self._is_closed.set()

    def serve(self) -> None:
        """Answers until it is told to close, or the parent is gone; then all ends that was started here."""
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            while self._answer() != "close":
                pass
            return
        self._close_quietly()
        self._end_session()

    def _answer(self) -> str:
        """The name of the request that was answered."""
        name, *arguments = self._connection.recv()
        try:
            answer = getattr(self, name)(*arguments)
        except Exception as error:
            answer = Failure.of(error, traceback.format_exc())
        try:
            self._connection.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # It cannot be pickled.
            self._connection.send(Failure.of(error, traceback.format_exc()))
        return name

    def end_from_aside(self) -> None:
        """Ends all when the parent is gone, from another thread than that of `serve`, which may be in a long step."""
        time.sleep(_NOTICES_S)
        threading.Thread(target=self._close_quietly, daemon=True).start()
        self._end_session()

    def _close_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _end_session(self) -> None:
        """Ends this process and what its environments have started, when they are closed, or do not close in time."""
        self._is_closed.wait(_CLOSE_LIMIT_S)
        if os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    # Requests

    def open(self, opening: Opening) -> Team:
        """Builds the environment."""
        from rllib_remix.envs.foreign.adapters import adapt
        from rllib_remix.envs.foreign.vectorised import ForeignEnvAdapter

        sys.path[:] = opening.sys_path
        if opening.python_path is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = opening.python_path
        make_env = pickle.loads(opening.make_env)
        first = opening.first_copy

        def make(index: int) -> Any:
            env = make_env(first + index)
            if isinstance(env, TeamEnv):
                raise SettingError(
                    f"num_env_processes: {type(env).__name__} is a TeamEnv, which steps all its copies itself; allowed: 0."
                )
            return env

        self._env = adapt(make, opening.num_envs, opening.options, first_copy=first)
        self._is_closed.clear()
        if not isinstance(self._env, ForeignEnvAdapter):
            raise SettingError(
                f"num_env_processes: {type(self._env).__name__} steps all its copies at once, in one process; allowed: 0."
            )
        self._own = slice(first, first + opening.num_envs)
        return Team(
            self._env.spec, pickle.dumps(self._env._views), list(self._env.assumed), self._env.agent_layout
        )

    def share(self, num_envs: int) -> None:
        """Opens the arrays, of all copies of all processes."""
        self._arrays = SharedArrays(self._memory, self._env.spec, num_envs)

    def reset(self, seed: int | None) -> Shown:
        return self._written(self._env.reset(seed))

    def step(self) -> Shown:
        return self._written(self._env.step(self._arrays.actions[self._own]))

    def begin(self, copies: list[int]) -> Shown:
        """A new episode in some copies alone."""
        return self._written(self._env.reset_copies(copies), copies)

    def set_state(self, state: dict[str, Any]) -> None:
        self._env.set_state(state)

    def render(self, copy: int) -> Any:
        return self._env.render(copy)

    def infos(self) -> list[dict[Any, Any]]:
        return self._env.infos

    def close(self) -> None:
        env, self._env = self._env, None  # whichever thread comes first
        if env is not None:
            try:
                env.close()
            finally:
                self._is_closed.set()

    def _written(self, step: TeamStep, copies: list[int] | None = None) -> Shown:
        which: Any = slice(None) if copies is None else copies
        for name in ("obs", "state", "avail_actions", "rewards", "terminated", "truncated", "agent_returns"):
            getattr(self._arrays, name)[self._own][which] = getattr(step, name)[which]
        return Shown(step.info)


def end_with(parent: int, host: Host) -> None:
    """Ends this process when its parent has ended, also in the midst of a step."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOKS_EVERY_S)
        host.end_from_aside()

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    connection, memory, parent = map(int, sys.argv[1:])
    faulthandler.enable()
    host = Host(Connection(connection), memory)
    end_with(parent, host)
    host.serve()


if __name__ == "__main__":
    main()
