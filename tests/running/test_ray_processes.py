"""A Ray that is started here has no processes that only take memory; one that others started is theirs."""

import os
import subprocess
import sys

import pytest
import ray
from ray._private import node, utils

from rllib_remix.running import cluster
from rllib_remix.running.cluster import Cluster, connected
from rllib_remix.running.ray_processes import WAITING_WORKERS, only_processes_needed

STARTED_BY = ("start_monitor", "start_api_server", "start_log_monitor")
AS_RAY_HAS_IT = {name: getattr(node.Node, name) for name in STARTED_BY}  # fails if a release has other names


def left_out() -> set[str]:
    """Which of these methods start nothing now."""
    return {name for name, method in AS_RAY_HAS_IT.items() if getattr(node.Node, name) is not method}


@pytest.fixture(autouse=True)
def no_choice_of_the_user(monkeypatch):
    monkeypatch.delenv(WAITING_WORKERS, raising=False)


@pytest.mark.parametrize(
    ("dashboard", "lines_of_workers", "expected"),
    [
        (False, False, {"start_monitor", "start_api_server", "start_log_monitor"}),
        (False, True, {"start_monitor", "start_api_server"}),
        (True, False, set()),
        (True, True, set()),
    ],
)
def test_what_is_left_out_depends_on_what_is_wanted(dashboard, lines_of_workers, expected):
    asked = utils.get_dashboard_dependency_error
    with only_processes_needed(dashboard=dashboard, lines_of_workers=lines_of_workers):
        assert left_out() == expected
        assert (utils.get_dashboard_dependency_error is asked) == dashboard
        assert os.environ[WAITING_WORKERS] == "0"


def test_afterwards_all_is_as_before():
    asked = utils.get_dashboard_dependency_error
    with pytest.raises(KeyError), only_processes_needed(dashboard=False, lines_of_workers=False):
        raise KeyError
    assert left_out() == set()
    assert utils.get_dashboard_dependency_error is asked
    assert WAITING_WORKERS not in os.environ


def test_a_user_may_want_workers_that_wait(monkeypatch):
    monkeypatch.setenv(WAITING_WORKERS, "1")
    with only_processes_needed(dashboard=False, lines_of_workers=False):
        assert os.environ[WAITING_WORKERS] == "1"
    assert os.environ[WAITING_WORKERS] == "1"


def test_a_release_of_ray_that_starts_them_by_other_functions_is_let_be(monkeypatch):
    monkeypatch.delattr(node.Node, "start_monitor")
    with only_processes_needed(dashboard=False, lines_of_workers=False):
        assert not hasattr(node.Node, "start_monitor")
    assert not hasattr(node.Node, "start_monitor")


@pytest.mark.parametrize(("verbosity", "kept"), [(0, set()), (1, {"start_log_monitor"})])
def test_a_run_starts_its_ray_so(monkeypatch, verbosity, kept):
    seen = []

    def connect(*_: object) -> None:
        seen.append((left_out(), os.environ[WAITING_WORKERS]))
        raise RuntimeError("far enough")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(cluster, "_connect", connect)
    with pytest.raises(Exception, match="far enough"), connected(Cluster(), verbosity, print, print):
        pass
    assert seen == [(set(STARTED_BY) - kept, "0")]


PROCESSES = """
import time
import ray, psutil
from rllib_remix.running.cluster import Cluster, connected

@ray.remote
def works():
    return 1

def seen():  # but for the raylet, whose command line has those of all others
    commands = [" ".join(each.cmdline()).strip() for each in psutil.Process().children(recursive=True)]
    return [command for command in commands if "raylet/raylet" not in command]

with connected(Cluster(num_cpus=2), 0, print, print):
    for _ in range(50):  # a worker that waits would be there by now
        time.sleep(0.1)
        assert not any("ray::IDLE" in each or "default_worker" in each for each in seen()), seen()
    assert ray.get(works.remote()) == 1
    print(*seen(), sep="\\n")
"""


@pytest.mark.slow
def test_ray_works_without_them():
    done = subprocess.run([sys.executable, "-c", PROCESSES], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "gcs_server" in done.stdout
    for other in ("dashboard/dashboard.py", "monitor.py", "log_monitor.py"):
        assert other not in done.stdout
