"""A process of some copies, from the side of the env runner."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from multiprocessing.connection import Connection
from typing import Any

from rllib_remix.envs.processes.messages import Failure, Opening

_HOST = "rllib_remix.envs.processes.host"
CLOSE_LIMIT_S = 10.0  # for all processes together
_DYING_S = 2.0  # between a process's closed connection and its end


class ChildDied(Exception):
    """The process has ended; says how."""


class Child:
    """A process that lives until `close`, or the end of this one.

    Args:
        opening: what it is to play.
        memory: descriptor of the memory that all share.

    Attributes:
        own: the copies that it plays.
        copies: the same in words.
        pid: of the process.
    """

    def __init__(self, opening: Opening, memory: int) -> None:
        first, count = opening.first_copy, opening.num_envs
        self.own = slice(first, first + count)
        self.copies = f"copy {first}" if count == 1 else f"copies {first} to {first + count - 1}"
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _HOST, str(theirs.fileno()), str(memory), str(os.getpid())],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, opening.sys_path))},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), memory),
                start_new_session=True,  # Ctrl-C is for the env runner, which closes this.
            )
        self._connection = Connection(ours.detach())
        self._owes = 0  # answers, of which one was not waited for if somebody interrupted
        self.pid = self._process.pid
        self._finalizer = weakref.finalize(self, _end, self._process, self._connection, os.getpid())
        self.ask("open", opening)

    def ask(self, request: str, *arguments: Any) -> None:
        """Sends a request.

        Raises:
            ChildDied: it cannot be sent any more.
        """
        try:
            while self._owes:
                self._connection.recv()
                self._owes -= 1
            self._connection.send((request, *arguments))
            self._owes += 1
        except (EOFError, OSError) as error:
            raise ChildDied(self._death()) from error

    def answer(self) -> Any:
        """What the latest request came to, a Failure too.

        Raises:
            ChildDied: the process has ended.
        """
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise ChildDied(self._death()) from error
        self._owes -= 1
        return answer

    def told(self, request: str, *arguments: Any) -> Any:
        """Asks, and waits for the answer.

        Raises:
            ChildDied: the process has ended.
            Exception: what the request raised.
        """
        self.ask(request, *arguments)
        answer = self.answer()
        if isinstance(answer, Failure):
            raise answer.raised(self.copies)
        return answer

    def _death(self) -> str:
        try:
            code = self._process.wait(_DYING_S)
        except subprocess.TimeoutExpired:
            return f"the process of {self.copies} closed its connection"
        if code >= 0:
            return f"the process of {self.copies} ended with exit code {code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            memory = "; the system may be short of memory" if name == "SIGKILL" else ""
            return f"the process of {self.copies} was killed by {name}{memory}"
        return f"the process of {self.copies} was killed by signal {-code}"

    def begin_close(self) -> None:
        """Asks the process to close its environments and to end."""
        with contextlib.suppress(OSError):
            self._connection.send(("close",))
            self._owes += 1

    def close(self, deadline: float) -> None:
        """Waits for its end until a time of `time.monotonic`, and then ends it."""
        with contextlib.suppress(
            Exception
        ):  # Answers are taken, so that it can send them, but not looked at.
            while self._owes and self._connection.poll(max(0.0, deadline - time.monotonic())):
                self._connection.recv_bytes()
                self._owes -= 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._finalizer()


def _end(process: subprocess.Popen, connection: Connection, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the process that started it
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # with what its environments have started
    process.wait()
    connection.close()
