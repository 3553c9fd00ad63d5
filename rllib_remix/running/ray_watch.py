"""Ends the command when the Ray that it runs on is gone; Ray itself would have it wait for ever, or kill it unheard."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

PERIOD = 1.0  # seconds between two looks
CONTROL_PATIENCE = (
    40.0  # seconds without the control store of a cluster that others run; Ray kills us after 60
)
CONNECT_TIMEOUT_S = 5.0
LOST_EXIT_CODE = 1


@contextmanager
def ends_with_ray(lost: Callable[[str], object], nodes: Sequence[Any]) -> Iterator[None]:
    """While the block runs, the loss of Ray ends this process with exit code 1, whatever it waits for.

    Args:
        lost: called with what is gone, from another thread, before the end.
        nodes: Ray's nodes that were started here, the head first; if there are any, all processes that this one started
            end too.
    """
    watch = _Watch(lost, nodes, _control_address(), _raylet_to_wait_for())
    watch.start()
    try:
        yield
    except Exception:
        watch.wait_while_in_doubt()  # what failed may only follow from the loss
        raise
    finally:
        watch.stop()


class _Watch(threading.Thread):
    """Looks every second; `control` is where the control store listens, `raylet` becomes readable as that ends."""

    def __init__(
        self,
        lost: Callable[[str], object],
        nodes: Sequence[Any],
        control: tuple[str, int] | None,
        raylet: int | None,
    ) -> None:
        super().__init__(name="ray_watch", daemon=True)
        self._lost, self._nodes = lost, nodes
        self._control, self._raylet = control, raylet
        self._over = threading.Event()
        self._doubt_since: float | None = None  # since when the control store does not answer

    def run(self) -> None:
        while not self._over.wait(PERIOD):
            gone = self.what_is_gone()
            if gone and not self._over.is_set():
                self._end(gone)

    def stop(self) -> None:
        self._over.set()
        self.join()
        if self._raylet is not None:
            os.close(self._raylet)

    def wait_while_in_doubt(self) -> None:
        """Returns as soon as Ray is known to be there; if it is not, the process ends meanwhile."""
        deadline = time.monotonic() + CONTROL_PATIENCE + 2 * CONNECT_TIMEOUT_S
        while time.monotonic() < deadline and (self.what_is_gone() or self._doubt_since is not None):
            time.sleep(PERIOD)

    def what_is_gone(self) -> str | None:
        """What has ended, or None as long as Ray is there, or may be."""
        for node in self._nodes[:1]:  # the head; others may come and go
            for kind in ("raylet", "gcs_server"):
                if any(each.process.poll() is not None for each in node.all_processes.get(kind, [])):
                    return f"its process {kind!r} was killed or failed"
        if self._raylet is not None and select.select([self._raylet], [], [], 0)[0]:
            return "its process 'raylet' on this machine was killed or failed"
        if self._control is None or _answers(self._control):
            self._doubt_since = None
            return None
        self._doubt_since = self._doubt_since or time.monotonic()
        if time.monotonic() - self._doubt_since < CONTROL_PATIENCE:
            return None
        return f"nothing answers at {self._control[0]}:{self._control[1]}"

    def _end(self, gone: str) -> None:
        try:
            self._lost(gone)
            sys.stdout.flush()
            sys.stderr.flush()
            if self._nodes:
                _kill_children()
        finally:
            os._exit(LOST_EXIT_CODE)


def _kill_children() -> None:
    """Kills what this process started, and what that started: without Ray's control store it could linger for a minute."""
    import ray  # noqa: F401  (brings psutil)

    import psutil  # isort: skip

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _control_address() -> tuple[str, int] | None:
    """Where the cluster's control store (GCS) listens; None if this process is only a client of a cluster."""
    import ray
    from ray.util import client

    if not ray.is_initialized() or client.ray.is_connected():
        return None
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return host.strip("[]"), int(port)


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _raylet_to_wait_for() -> int | None:
    """A descriptor that becomes readable when the raylet of this machine ends, where the system has such."""
    from ray._private import worker

    node = worker.global_worker.node
    if node is None or not hasattr(os, "pidfd_open"):
        return None
    try:
        with socket.socket(socket.AF_UNIX) as raylet:
            raylet.connect(node.raylet_socket_name)
            credentials = raylet.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return os.pidfd_open(struct.unpack("3i", credentials)[0])
    except OSError:
        return None
