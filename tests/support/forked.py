"""Processes that the fork server makes: as real as those that are started anew, without the seconds of importing."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fork_server import SOCKET

RLLIB = Path(sys.executable).parent / "rllib"
STARTUP = 120  # seconds for what takes 6 where nothing else runs
# Libraries that would start a thread as they are imported, which cannot be forked.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
_server: list[Path] = []  # its socket, once it runs


def server() -> Path:
    """Where the fork server of this process listens; the first call starts it, and the process's end ends it."""
    if not _server:
        folder = tempfile.TemporaryDirectory(prefix="fork_server_")
        path = Path(folder.name) / "socket"
        script = Path(__file__).parent / "fork_server.py"
        environment = {
            name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"
        } | ONE_THREAD
        process = subprocess.Popen([sys.executable, script, path], stdin=subprocess.PIPE, env=environment)

        def end() -> None:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:  # something else holds the other end of its standard input
                process.kill()
                process.wait()
            folder.cleanup()

        atexit.register(end)
        deadline = time.monotonic() + STARTUP
        while not path.exists():
            assert process.poll() is None, "the fork server failed"
            assert time.monotonic() < deadline, "the fork server does not start"
            time.sleep(0.02)
        os.environ[SOCKET] = str(path)  # for workers of a Ray that this process starts
        _server.append(path)
    return _server[0]


class Forked:
    """What is used of subprocess.Popen."""

    def __init__(self, arguments: list[str], *, kind: str, stdin=None, stdout=None, stderr=None, **job: Any):
        self.args = arguments
        self.returncode: int | None = None
        job = {"kind": kind, "arguments": arguments, **job}
        job["environment"] = {**job["environment"], SOCKET: str(server())}
        text = json.dumps(job).encode()
        with open(os.devnull) as nothing:
            given = [nothing if stdin is None else stdin, 1 if stdout is None else stdout]
            given.append(2 if stderr is None else given[1] if stderr == subprocess.STDOUT else stderr)
            streams = [each if isinstance(each, int) else each.fileno() for each in given]
            self._connection = socket.socket(socket.AF_UNIX)
            self._connection.connect(str(server()))
            socket.send_fds(self._connection, [len(text).to_bytes(8, "big")], streams)
            self._connection.sendall(text)
        self._answers = b""
        self._listen(None, lines=1)
        self.pid = int(self._answers.split(b"\n")[0])

    def _listen(self, timeout: float | None, lines: int) -> None:
        """Takes in what the server says, until so many lines are there; raises TimeoutError if that takes too long."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._answers.count(b"\n") < lines:
            self._connection.settimeout(None if deadline is None else max(1e-3, deadline - time.monotonic()))
            answer = self._connection.recv(64)
            assert answer, "the fork server has ended"
            self._answers += answer

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            try:
                self._listen(timeout, lines=2)
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self.returncode = int(self._answers.split(b"\n")[1])
            self._connection.close()
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def command(words: Iterable[object], folder: Path, environment: dict[str, str], **options: Any) -> Forked:
    """Starts the command as a process.

    Args:
        words: after `rllib`.
        folder: to begin in.
        environment: all of it.
        options: stdin (nothing), stdout, stderr (this process's): files or descriptors; `is_session`: in a session of its
            own, whose terminal is its stdin if that is one; `ignores_sighup`: as after nohup; `forks_workers=False`: a Ray that
            it starts has all its processes below it, as users have.
    """
    arguments = [str(RLLIB), *map(str, words)]
    return Forked(arguments, kind="command", folder=str(folder), environment=environment, **options)


def run(
    words: Iterable[object], folder: Path, environment: dict[str, str], timeout: float
) -> subprocess.CompletedProcess:
    """Runs the command as a process to its end, and takes what it writes."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = command(words, folder, environment, stdout=stdout, stderr=stderr)
        try:
            process.wait(timeout)
        finally:
            process.kill()
        for file in (stdout, stderr):
            file.seek(0)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout.read(), stderr.read())
