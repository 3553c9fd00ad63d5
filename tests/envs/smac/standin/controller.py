"""A game process of one's own, and the client's end of its protocol."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import connect

from tests.envs.smac.standin.messages import Request, Response


class LostGame(ConnectionError):
    """The game does not answer any more, or answers with an error."""


class Controller:
    """A game process of one's own, and the protocol with it."""

    TIMEOUT_S = 120.0  # for an answer, and for the start

    def __init__(self, sc2_path: Path):
        binary = max(sc2_path.glob("Versions/Base*/SC2_x64"), key=lambda path: path.parent.name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory(prefix="sc2_client_")
        self._process = subprocess.Popen(
            [
                *(binary, "-listen", "127.0.0.1", "-port", str(port)),
                *("-dataDir", f"{sc2_path}/", "-tempDir", f"{self._folder.name}/"),
            ]
        )
        self._connection: Any = None
        try:
            self._connection = self._connect(port)
        except BaseException:
            self.close()
            raise
        self.ping()

    def _connect(self, port: int) -> Any:
        deadline = time.monotonic() + self.TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError):
                try:
                    return connect(
                        f"ws://127.0.0.1:{port}/sc2api",
                        open_timeout=deadline - time.monotonic(),
                        compression=None,
                        max_size=None,
                        ping_interval=None,
                        proxy=None,
                    )
                except (
                    EOFError,
                    TimeoutError,
                    InvalidHandshake,
                    ConnectionResetError,
                    BrokenPipeError,
                ) as error:
                    raise LostGame("no answer to the handshake") from error
            if self._process.poll() is not None:
                raise LostGame(f"the game ended with exit code {self._process.returncode} at its start")
            time.sleep(0.02)
        raise LostGame(f"no connection within {self.TIMEOUT_S} s")

    def ask(self, name: str, **fields: Any) -> Any:
        """Sends a request by its name; returns the part of the response with that name.

        Raises:
            LostGame: no answer, or one with an error.
        """
        request = Request()
        part = getattr(request, name)
        part.SetInParent()
        for field, value in fields.items():
            setattr(part, field, value)
        return self.send(request)

    def send(self, request: Any) -> Any:
        """Sends a request; returns the part of the response with its name. Raises as `ask` does."""
        name = request.WhichOneof("request")
        response = self._exchange(request)
        if response.error:
            raise LostGame("; ".join(response.error))
        part = getattr(response, name)
        if "error" in part.DESCRIPTOR.fields_by_name and part.HasField("error"):
            raise LostGame(f"{name}: error {part.error} ({part.error_details})")
        return part

    def _exchange(self, request: Any) -> Any:
        """The response to a request."""
        try:
            self._connection.send(request.SerializeToString())
            return Response.FromString(self._connection.recv(self.TIMEOUT_S))
        except (WebSocketException, OSError, EOFError) as error:
            raise LostGame(f"{request.WhichOneof('request')}: no answer") from error

    def ping(self) -> Any:
        return self.ask("ping")

    def close(self) -> None:
        """Asks the game to quit, and kills it if it does not."""
        if self._connection is not None:
            request = Request()
            request.quit.SetInParent()
            with contextlib.suppress(WebSocketException, OSError, EOFError):
                self._connection.send(request.SerializeToString())
            self._connection.close_timeout = 0.1
            self._connection.close()
        try:
            self._process.wait(1.0 if self._connection is not None else 0.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
