"""The Ray that a run is on: what describes it, and its start and end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rllib_remix.errors import UserError, shown

CONNECT_TIMEOUT_S = 5.0  # seconds that a running cluster may take to accept a connection
MIN_OBJECT_STORE_MEMORY = 75 * 2**20  # bytes; Ray refuses less


@dataclass
class Cluster:
    """The Ray that an experiment runs on."""

    address: str | None = None  # of a running cluster; None starts one here, unless RAY_ADDRESS names one
    num_cpus: int | None = None  # of the one started here (of each node); None is all of the machine
    num_gpus: int | None = None
    num_nodes: int | None = None  # nodes to emulate; None is Ray as it is
    object_store_memory: int | None = None  # bytes
    dashboard: bool = False

    @property
    def is_running(self) -> bool:
        """Whether this is a Ray that others started."""
        return bool(self.address or os.environ.get("RAY_ADDRESS"))

    @property
    def known_cpus(self) -> int | None:
        """CPUs that a trial can ask for, or None if a running cluster decides."""
        if self.is_running:
            return None
        if self.num_nodes is not None:
            return self.num_nodes * (self.num_cpus or 1)
        return self.num_cpus or os.cpu_count() or 1

    @property
    def known_gpus(self) -> float | None:
        """GPUs that a trial can ask for, or None if a running cluster decides."""
        if self.is_running:
            return None
        if self.num_gpus is not None:
            return self.num_gpus * (self.num_nodes or 1)
        if self.num_nodes is not None:
            return 0
        from ray._private.accelerators import NvidiaGPUAcceleratorManager

        return NvidiaGPUAcceleratorManager.get_current_node_num_accelerators()

    def check(self) -> None:
        """Raises UserError for options that do not go together, an address where nothing answers, or a dashboard that is
        not installed."""
        if self.is_running:
            self._check_joins()
            self.check_reachable()
        memory = self.object_store_memory
        if memory is not None and memory < MIN_OBJECT_STORE_MEMORY:
            raise UserError(
                f"--ray-object-store-memory: {memory} bytes is not allowed; it must be at least "
                f"{MIN_OBJECT_STORE_MEMORY}."
            )
        if memory is not None and memory > (there := _memory_of_machine()):
            raise UserError(
                f"--ray-object-store-memory: {memory} bytes is not allowed; this machine has {there} bytes of memory."
            )
        if self.dashboard:
            _check_dashboard_is_installed()

    def _check_joins(self) -> None:
        address = f"--ray-address {self.address}" if self.address else "RAY_ADDRESS"
        for option, value in (
            ("--ray-num-cpus", self.num_cpus),
            ("--ray-num-gpus", self.num_gpus),
            ("--ray-num-nodes", self.num_nodes),
            ("--ray-object-store-memory", self.object_store_memory),
            ("--ray-ui", self.dashboard or None),
        ):
            if value is not None:
                raise UserError(f"{option}: starts Ray here, but {address} joins a running one; give one.")

    def check_reachable(self) -> None:
        """Raises UserError if nothing answers at the address; Ray itself would try for many minutes."""
        address = self.address or os.environ.get("RAY_ADDRESS", "")
        host, _, port = address.rpartition("://")[2].rpartition(":")
        if not host or not port.isdigit():
            return  # "auto" and the like
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
        except (OSError, OverflowError, ValueError) as error:  # No such port; no such host's name.
            raise UserError(f"--ray-address: no Ray answers at {shown(address)} ({error}).") from None


def _memory_of_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@contextmanager
def connected(
    cluster: Cluster, verbosity: int, lost: Callable[[str], object], say: Callable[[str], object]
) -> Iterator[None]:
    """A connection to Ray while the block runs; what was started for it ends with it.

    A Ray that runs in this process already is used as it is, and left alone.

    Args:
        cluster: which Ray.
        verbosity: 0 hides its messages, 1 shows them.
        lost: called from another thread with what is gone, before the loss of this Ray ends the process.
        say: takes the line that says where the dashboard is, if there is one.

    Raises:
        UserError: if Ray cannot be started or joined.
    """
    import ray

    from rllib_remix.running.ray_processes import only_processes_needed
    from rllib_remix.running.ray_watch import ends_with_ray

    if ray.is_initialized():
        yield
        return
    emulated: Any = None
    registered = _registered()
    try:
        try:
            with (
                _safe_from_lost_terminals(),
                only_processes_needed(dashboard=cluster.dashboard, lines_of_workers=verbosity > 0),
            ):
                if cluster.num_nodes is not None and not cluster.is_running:
                    emulated = _emulate(cluster)
                _connect(cluster, emulated, verbosity, say)
        except Exception as error:  # Ray raises many kinds, among them Exception itself.
            raise UserError(f"Ray could not be started or joined: {_cause(error)}") from error
        with ends_with_ray(lost, _nodes(emulated)):
            yield
    finally:
        ray.shutdown()
        _register_for_a_later_job(registered)
        if emulated is not None:
            emulated.shutdown()


def _registered() -> dict[Any, Any]:
    """What was registered for Ray (environments, algorithms) while none ran."""
    from ray.tune.registry import _global_registry

    return dict(_global_registry._to_flush)


def _register_for_a_later_job(registered: dict[Any, Any]) -> None:
    """Ray gives what is registered to its first job alone, and keeps that job's id, which workers of a later one do not
    look under."""
    from ray.tune.registry import _global_registry

    _global_registry._prefix = None
    _global_registry._to_flush = registered | _global_registry._to_flush


@contextmanager
def _safe_from_lost_terminals() -> Iterator[None]:
    """What is started in the block never gets SIGHUP: a terminal sends it to all, and Ray has to be there for saving."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _nodes(emulated: Any) -> list[Any]:
    """Ray's nodes that were started here, the head first."""
    from ray._private import worker

    if emulated is not None:
        return emulated.list_all_nodes()
    node = worker.global_worker.node
    return [node] if node is not None and node.all_processes else []


def _cause(error: BaseException) -> str:
    """What went wrong, with what to do if the cluster wants a token."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    if any(type(each).__name__ == "AuthenticationError" for each in causes):
        return (
            "the cluster wants its token; set RAY_AUTH_MODE=token, and let ~/.ray/auth_token here hold what "
            "`ray get-auth-token` says on its head."
        )
    return str(error)


def _emulate(cluster: Cluster) -> Any:
    from ray.cluster_utils import Cluster as EmulatedCluster

    emulated = EmulatedCluster()
    try:
        for node in range(cluster.num_nodes or 1):
            emulated.add_node(
                num_cpus=cluster.num_cpus or 1,
                num_gpus=cluster.num_gpus or 0,
                object_store_memory=cluster.object_store_memory or 150 * 2**20,
                include_dashboard=cluster.dashboard and node == 0,
            )
    except BaseException:
        emulated.shutdown()
        raise
    return emulated


def _connect(cluster: Cluster, emulated: Any, verbosity: int, say: Callable[[str], object]) -> None:
    import ray

    options: dict[str, Any] = {
        "log_to_driver": verbosity > 0,
        "logging_level": "INFO" if verbosity else "ERROR",
    }
    if emulated is not None:
        options["address"] = emulated.address
    elif cluster.is_running:
        options["address"] = cluster.address or os.environ["RAY_ADDRESS"]
    else:
        # "local": never join a Ray that happens to run on this machine.
        options |= {
            "address": "local",
            "include_dashboard": cluster.dashboard,
            "num_cpus": cluster.known_cpus,
            "num_gpus": cluster.num_gpus,
            "object_store_memory": cluster.object_store_memory,
        }
    context = ray.init(**options)
    if cluster.dashboard:
        say(f"Dashboard: http://{context.dashboard_url}")


def _check_dashboard_is_installed() -> None:
    try:
        import ray.dashboard.optional_deps  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--ray-ui: Ray's dashboard is not installed ({error}); pip install 'rllib_remix[cluster]'."
        ) from None
