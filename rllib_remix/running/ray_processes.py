"""The processes of a Ray that is started here: those that a run on one machine has a use for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

# Ray's own switch: whether a worker is started for every CPU as soon as there is a driver. Each that is not used holds 40 MiB;
# without it a worker is started when a trial asks for one.
WAITING_WORKERS = "RAY_prestart_worker_first_driver"


@contextmanager
def only_processes_needed(*, dashboard: bool, lines_of_workers: bool) -> Iterator[None]:
    """While the block runs, a Ray that this process starts has no processes that only take memory and time.

    Left out are the autoscaler's monitor, which has nothing to scale here; the dashboard's server, which without a
    dashboard reports usage statistics alone; what serves the dashboard in the agent of each node; what sends the lines
    of workers to the driver; and workers that wait. `ray.init` has no settings for them. A release of Ray that starts
    them by other functions has them as before.

    Args:
        dashboard: whether Ray's dashboard is wanted: then only waiting workers are left out.
        lines_of_workers: whether this process shows what workers print.
    """
    from ray._private import node, utils

    with ExitStack() as changes:
        if WAITING_WORKERS not in os.environ:
            os.environ[WAITING_WORKERS] = "0"
            changes.callback(os.environ.pop, WAITING_WORKERS, None)
        if not dashboard:
            _replace(changes, node.Node, "start_monitor", _start_nothing)
            _replace(changes, node.Node, "start_api_server", _start_nothing)
            _replace(changes, utils, "get_dashboard_dependency_error", _not_wanted)
            if not lines_of_workers:
                _replace(changes, node.Node, "start_log_monitor", _start_nothing)
        yield


def _replace(changes: ExitStack, owner: Any, name: str, replacement: Any) -> None:
    """Puts another function in the place of one, if there is one, until the changes are undone."""
    before = getattr(owner, name, None)
    if before is not None:
        setattr(owner, name, replacement)
        changes.callback(setattr, owner, name, before)


def _start_nothing(*_: Any, **__: Any) -> None:
    pass


def _not_wanted() -> Exception:
    """As if the packages of the dashboard were not installed: neither the driver nor an agent loads them."""
    return ImportError("the dashboard is not wanted")
