"""Several Ray nodes on one machine, by Ray's own cluster utility, with free ports and a folder of their own."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OBJECT_STORE_BYTES = 200_000_000


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def local_cluster(num_cpus: int, *, dashboard: bool = False) -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster` with a head, which ends with the block; its processes get this one's environment.

    Args:
        num_cpus: of the head, as Ray counts them.
        dashboard: whether the head has a dashboard, and so a job server, at `cluster.webui_url`.
    """
    from ray.cluster_utils import Cluster

    # Short: the paths of sockets have 107 characters at most.
    folder = tempfile.mkdtemp(prefix="ray")
    before = os.environ.get("RAY_TMPDIR")
    os.environ["RAY_TMPDIR"] = folder
    cluster = Cluster()
    try:
        add_node(cluster, num_cpus, include_dashboard=dashboard, dashboard_port=free_port())
        yield cluster
    finally:
        cluster.shutdown()
        if before is None:
            del os.environ["RAY_TMPDIR"]
        else:
            os.environ["RAY_TMPDIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


def add_node(cluster: Any, num_cpus: int, **arguments: Any) -> Any:
    """Starts a node and waits until it has joined; further arguments are those of `Cluster.add_node`."""
    return cluster.add_node(
        num_cpus=num_cpus,
        object_store_memory=OBJECT_STORE_BYTES,
        dashboard_agent_listen_port=free_port(),
        **arguments,
    )
