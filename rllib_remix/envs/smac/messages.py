"""What the environment and the process of a game say to each other, and the channel that carries it."""

from __future__ import annotations

import pickle
import socket
import struct
import time
from typing import Any, NamedTuple

import numpy as np

_LENGTH = struct.Struct("!Q")
_SEND_LIMIT_S = (
    30.0  # requests are small: one that does not fit into the socket's buffer was not read for long
)


class Opening(NamedTuple):
    """The first message: what the process is to play with."""

    client: str  # "module:Class"
    arguments: dict[str, Any]  # of that class
    python_path: str | None  # PYTHONPATH as the user set it; the game must not inherit ours
    start_file: str  # holds the time of this machine's latest start of a game
    start_interval_s: float


class Observed(NamedTuple):
    """What the client shows after a reset or a step."""

    obs: np.ndarray  # [n, O] float32
    state: np.ndarray  # [S] float32
    avail_actions: np.ndarray  # [n, U] bool
    actions: list[int]  # [n], as they were played: SMAC's script puts its own in their place
    reward: float
    terminated: bool
    info: dict[str, Any]
    game_build: int  # StarCraft II's base build; 0 if the client does not tell


class Waiting(NamedTuple):
    """The process is well, and waits for its turn to start a game."""


class Trouble(NamedTuple):
    """The request failed."""

    text: str
    hopeless: bool  # a new process would fail in the same way


class Channel:
    """Pickled messages over a socket, each behind its length. Both ends trust each other: one started the other."""

    def __init__(self, connection: socket.socket):
        self._connection = connection

    def send(self, message: Any) -> None:
        """Sends a message.

        Raises:
            EOFError: the other end is closed.
            TimeoutError: the other end has not read for long.
        """
        data = pickle.dumps(message, protocol=5)
        self._connection.settimeout(_SEND_LIMIT_S)
        try:
            self._connection.sendall(_LENGTH.pack(len(data)) + data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise EOFError from error

    def receive(self, deadline: float | None = None) -> Any:
        """The next message; one that is already there is returned after the deadline too.

        Args:
            deadline: by time.monotonic(); None waits for ever.

        Raises:
            EOFError: the other end is closed.
            TimeoutError: the deadline has passed.
        """
        (length,) = _LENGTH.unpack(self._receive_bytes(_LENGTH.size, deadline))
        return pickle.loads(self._receive_bytes(length, deadline))

    def _receive_bytes(self, length: int, deadline: float | None) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while len(view):
            self._connection.settimeout(None if deadline is None else max(0.0, deadline - time.monotonic()))
            try:
                count = self._connection.recv_into(view)
            except BlockingIOError as error:  # a time limit of 0 s
                raise TimeoutError from error
            except ConnectionResetError as error:
                raise EOFError from error
            if count == 0:
                raise EOFError
            view = view[count:]
        return data

    def close(self) -> None:
        self._connection.close()
