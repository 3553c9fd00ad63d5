"""Several Ray nodes on one machine, each the processes of a `ray start` of our own, with free ports and own folders."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

SECONDS_TO_START = 120.0
SECONDS_TO_STOP = 30.0
OBJECT_STORE_BYTES = 200_000_000
_PORTS = (
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
    "metrics-export-port",
    "runtime-env-agent-port",
)
_PORTS_OF_HEAD = ("port", "dashboard-port", "ray-client-server-port")


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def shell_environment(home: Path) -> dict[str, str]:
    """What a shell has in which this Python's environment is activated, and nothing of a Ray around us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"HOME": str(home), "PATH": path, "OMP_NUM_THREADS": "1"}


class Node:
    """One `ray start --block` and what it started.

    Args:
        arguments: of `ray start`.
        ports: names of its options that take a port, each of which gets a free one.
        home: of its processes.
        log: file for what it says.
    """

    def __init__(self, arguments: list[str], ports: tuple[str, ...], home: Path, log: Path):
        self.ports = dict(zip(ports, free_ports(len(ports)), strict=True))
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        command += ["--node-ip-address=127.0.0.1", "--num-gpus=0", *arguments]
        command += [f"--object-store-memory={OBJECT_STORE_BYTES}"]
        command += [f"--{name}={port}" for name, port in self.ports.items()]
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command, env=shell_environment(home), stdout=output, stderr=output, start_new_session=True
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Waits for `ready()`.

        Raises:
            RuntimeError: the node ended, or was not ready in SECONDS_TO_START; with what it said.
        """
        deadline = time.monotonic() + SECONDS_TO_START
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the node did not start: {self._log.read_text()}")
            time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL to all of the node's processes, as when its machine is gone."""
        processes = [*_below(self._process.pid), self._process.pid]
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()

    def stop(self) -> None:
        """Ends the node as `ray start --block` does on SIGTERM; kills what is left."""
        if self._process.poll() is not None:
            return
        below = _below(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in below:
            if _parent(process) is not None and _is_ours(process, self._log.parent):
                os.kill(process, signal.SIGKILL)


class LocalCluster:
    """A head with its job server, and nodes beside it; to be used in a `with` block.

    Args:
        num_cpus: of the head, as Ray counts them.
        home: of its processes; None makes one.
    """

    def __init__(self, num_cpus: int = 2, home: Path | None = None):
        # Short: the paths of sockets have 107 characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))
        self._home = home or self.folder
        self.nodes: list[Node] = []
        arguments = ["--head", f"--temp-dir={self.folder}", f"--num-cpus={num_cpus}"]
        self._head = Node(arguments, (*_PORTS_OF_HEAD, *_PORTS), self._home, self.folder / "head.log")
        self.address = f"127.0.0.1:{self._head.ports['port']}"
        self.job_server = f"http://127.0.0.1:{self._head.ports['dashboard-port']}"

    def __enter__(self) -> LocalCluster:
        try:
            self._head.wait_until(self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in [*self.nodes, self._head]:
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def add_node(self, num_cpus: int, resources: str = "{}", *, wait: bool = True) -> Node:
        """Starts a node.

        Args:
            num_cpus: as Ray counts them.
            resources: JSON of the node's own ones.
            wait: until it has started; two that start at once on one machine take each other's sockets.
        """
        log = self.folder / f"node_{len(self.nodes)}.log"
        arguments = [f"--address={self.address}", f"--num-cpus={num_cpus}", f"--resources={resources}"]
        node = Node(arguments, _PORTS, self._home, log)
        self.nodes.append(node)
        if wait:
            node.wait_until(lambda: "Ray runtime started" in log.read_text())
        return node

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.job_server}/api/jobs/", timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False


def _below(ancestor: int) -> list[int]:
    """All living processes below one, the nearest first."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (parent := _parent(int(folder.name))) is not None:
            children.setdefault(parent, []).append(int(folder.name))
    found = [ancestor]
    for process in found:
        found += children.get(process, [])
    return found[1:]


def _parent(process: int) -> int | None:
    """The parent of a living process."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[1])


def _is_ours(process: int, folder: Path) -> bool:
    """Whether a process still is one of the Ray in `folder`, and not another with its number."""
    try:
        return str(folder).encode() in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
