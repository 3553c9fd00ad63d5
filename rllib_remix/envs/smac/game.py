"""One copy's StarCraft II from the environment's side: its process, and its starts, restarts and failures."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.envs.smac.folders import WorkFolder, start_file
from rllib_remix.envs.smac.messages import Channel, Observed, Opening, Trouble, Waiting
from rllib_remix.envs.smac.preflight import game_folder, needs_python_protobuf
from rllib_remix.envs.smac.processes import death_of, group_members, kill_group
from rllib_remix.envs.smac.settings import SmacSettings

logger = logging.getLogger(__name__)

_HOST = "rllib_remix.envs.smac.host"
_CLOSE_LIMIT_S = 10.0
_DYING_S = 2.0  # between a process's closed connection and its end


class SmacError(RuntimeError):
    """StarCraft II or its client cannot be had; the message says why and where its output is."""


class GameFault(Exception):
    """A game crashed, hung or ended; another may be started."""


class GameProcess:
    """A process that holds one client and its game; it lives until `kill`, or the end of this process."""

    def __init__(self, folder: Path, log: Path, sc2_path: str | None):
        """
        Args:
            folder: its own, for temporary files; removed with it.
            log: takes all output of the client and the game.
            sc2_path: as in the settings.
        """
        self._log = log
        ours, theirs = socket.socketpair()
        watched, lifeline = os.pipe()
        self._channel = Channel(ours)
        inherited = theirs.fileno(), watched
        with open(log, "ab") as output, theirs, os.fdopen(watched):
            self._process = subprocess.Popen(
                [sys.executable, "-m", _HOST, *map(str, inherited), str(folder)],
                env=_host_environment(folder, sc2_path),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
                start_new_session=True,
            )
        self._limit_s = self._deadline = 0.0
        self.kill = weakref.finalize(self, _end, self._process, self._channel, lifeline, folder, os.getpid())

    @property
    def pid(self) -> int:
        """Of the client; also the id of the process group that holds the game."""
        return self._process.pid

    def memory_mb(self) -> float:
        """Resident memory of client and game."""
        return sum(group_members(self.pid).values()) / 2**20

    def open(self, opening: Opening) -> None:
        """Says what it is to play with; must come first.

        Raises:
            GameFault: the process has ended.
        """
        self._send(opening)

    def ask(self, request: str, *arguments: Any, limit_s: float) -> None:
        """Sends a request, which is to be answered within a time limit.

        Raises:
            GameFault: the process has ended or hangs.
        """
        self._request, self._limit_s, self._deadline = request, limit_s, time.monotonic() + limit_s
        self._send((request, *arguments))

    def answer(self) -> Any:
        """The answer to the latest request.

        Raises:
            GameFault: the process has ended or hangs, or the game crashed.
            SmacError: the client refused in a way that every other process would.
        """
        while True:
            try:
                answer = self._channel.receive(self._deadline)
            except TimeoutError as error:
                raise GameFault(
                    f"no answer to '{self._request}' within {self._limit_s:g} s ({self._request}_timeout_s)"
                ) from error
            except EOFError as error:
                raise GameFault(self._death()) from error
            if isinstance(answer, Trouble):
                raise (SmacError if answer.hopeless else GameFault)(answer.text)
            if not isinstance(answer, Waiting):
                return answer
            self._deadline = time.monotonic() + self._limit_s

    def _send(self, message: Any) -> None:
        try:
            self._channel.send(message)
        except EOFError as error:
            raise GameFault(self._death()) from error
        except TimeoutError as error:
            raise GameFault("its process does not read any more") from error

    def _death(self) -> str:
        deadline = time.monotonic() + _DYING_S
        while (death := death_of(self.pid)).startswith("closed") and time.monotonic() < deadline:
            time.sleep(0.01)
        return f"its process {death}"


def _end(process: subprocess.Popen, channel: Channel, lifeline: int, folder: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the process that started the game
        return
    kill_group(process.pid)  # before it is reaped: until then nobody else can get its id
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_CLOSE_LIMIT_S)
    channel.close()
    os.close(lifeline)
    shutil.rmtree(folder, ignore_errors=True)


def _host_environment(folder: Path, sc2_path: str | None) -> dict[str, str]:
    """Ours, with what the client's process alone needs."""
    own = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(folder)}
    if needs_python_protobuf():
        own["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
    if sc2_path is not None:
        own["SC2PATH"] = str(game_folder(sc2_path))
    return os.environ | own


class Game:
    """One copy's game over time; every process that plays it gets a seed of its own from the copy's stream.

    A request is sent by `begin_…` and answered by `finish`, so that all copies' games work at the same time.
    """

    def __init__(self, copy: int, settings: SmacSettings, folder: WorkFolder):
        self._copy, self._settings, self._folder = copy, settings, folder
        self._process: GameProcess | None = None
        self._fault: GameFault | None = None
        self._is_stopping = False
        self._episodes = 0  # that the process began
        self.starts = self.faults = 0
        self.game_seed: int | None = None
        self.reseed(None)

    @property
    def pid(self) -> int | None:
        """Of the process that holds the client; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def is_as_seeded(self) -> bool:
        """Whether the game is still in the first episode that its stream of seeds gave."""
        return self._starts_of_stream == self._episodes == 1 and self._process is not None

    @property
    def log(self) -> Path:
        return self._folder.log(self._copy)

    def reseed(self, seed: int | None) -> None:
        """Starts the stream of game seeds anew, from `seed` and the copy; the next episode is a new game's first."""
        self.kill()
        self._seeds = np.random.default_rng(None if seed is None else [seed, self._copy])
        self._starts_of_stream = 0

    def begin_episode(self) -> None:
        if self._process is not None and self._is_worn():
            self.stop()
        try:
            if self._process is None:
                self._start()
            assert self._process is not None
            self._process.ask("reset", limit_s=self._settings.reset_timeout_s)
            self._episodes += 1
        except GameFault as fault:
            self._fault = fault
        except OSError as error:  # no more processes, memory or files
            self._fault = GameFault(f"its process cannot be started ({error})")

    def begin_step(self, actions: list[int]) -> None:
        assert self._process is not None
        try:
            self._process.ask("step", actions, limit_s=self._settings.step_timeout_s)
        except GameFault as fault:
            self._fault = fault

    def finish(self) -> Observed:
        """What the game shows after the request that was begun.

        Raises:
            GameFault: the game crashed, hung or ended; its processes are gone.
            SmacError: the client cannot be had at all.
        """
        try:
            if self._fault is not None:
                raise self._fault
            assert self._process is not None
            return self._process.answer()
        except GameFault as fault:
            logger.warning(
                "smac, copy %d (game seed %s): %s; %s.", self._copy, self.game_seed, fault, self.log
            )
            self.faults += 1
            self.kill()
            raise

    def ask_to_stop(self) -> None:
        """Lets the game save its replay and end; `stop` waits for that."""
        if self._process is not None and not self._fault:
            limit = _CLOSE_LIMIT_S + (self._settings.step_timeout_s if self._settings.replay_dir else 0)
            with contextlib.suppress(GameFault):
                self._process.ask("close", bool(self._settings.replay_dir), limit_s=limit)
                self._is_stopping = True

    def stop(self) -> None:
        """Ends the game in good order if that can be, and in any case."""
        if self._process is None:
            return
        if not self._is_stopping:
            self.ask_to_stop()
        if self._is_stopping:
            try:
                self._process.answer()
            except (GameFault, SmacError) as fault:
                logger.warning("smac, copy %d: ending the game failed: %s; %s.", self._copy, fault, self.log)
        self.kill()

    def kill(self) -> None:
        """Ends all processes of the game at once; calling it again is harmless."""
        if self._process is not None:
            self._process.kill()
        self._process = self._fault = None
        self._is_stopping = False
        self._episodes = 0

    def _start(self) -> None:
        self.game_seed = int(self._seeds.integers(1, 2**31))
        self.starts += 1
        self._starts_of_stream += 1
        opening = Opening(
            client=self._settings.client,
            arguments=self._settings.client_arguments(self.game_seed),
            python_path=os.environ.get("PYTHONPATH"),
            start_file=str(start_file()),
            start_interval_s=self._settings.start_interval_s,
        )
        self._process = GameProcess(self._folder.temporary(self._copy), self.log, self._settings.sc2_path)
        logger.info("smac, copy %d: game with seed %d, process %d.", self._copy, self.game_seed, self.pid)
        self._process.open(opening)

    def _is_worn(self) -> bool:
        """Whether the game is due for a restart: it played its share of episodes, or took too much memory."""
        assert self._process is not None
        return (
            self._episodes >= self._settings.restart_every_episodes
            or self._process.memory_mb() > self._settings.memory_limit_mb
        )
