"""The Ray that a run needs is gone: the command says so and ends, instead of waiting for ever."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
import ray  # noqa: F401  (brings psutil)
from processes import exit_code, output, some_results, training, wait_for

from rllib_remix.running import ray_watch

import psutil  # isort: skip

MANY = 4000  # iterations that would take longer than the test


def watch_of(control):
    return ray_watch._Watch(print, [], control, None)


def test_a_control_store_that_answers_is_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert watch_of(server.getsockname()).what_is_gone() is None


def test_a_control_store_may_be_silent_for_a_while(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    watch = watch_of(address)
    assert watch.what_is_gone() is None
    monkeypatch.setattr(ray_watch, "CONTROL_PATIENCE", 0)
    assert watch.what_is_gone() == f"nothing answers at {address[0]}:{address[1]}"


def test_it_must_be_silent_without_a_break(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    watch = watch_of(address)
    watch.what_is_gone()
    first = watch._doubt_since
    with socket.create_server(address):
        watch.what_is_gone()
    watch.what_is_gone()
    assert watch._doubt_since > first


def check_says_so_and_ends(process, folder: Path, what: str):
    began = time.monotonic()
    assert exit_code(process, folder, 0) == 1, output(folder, 0)
    assert time.monotonic() - began < 60
    errors = [line for line in output(folder, 0).splitlines() if line.startswith("Error: ")]
    assert errors == [
        f"Error: Ray is lost: {what}. Go on with `rllib resume {folder / 'results' / 'run'}`."
    ], output(folder, 0)
    assert "Traceback" not in output(folder, 0)


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=30)[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_without_its_own_ray_the_command_ends_and_leaves_nothing_behind(start, tmp_path, name):
    process = start(*training(MANY), forks_workers=False)
    wait_for(lambda: some_results(tmp_path, 2), process, tmp_path)
    children = psutil.Process(process.pid).children(recursive=True)
    (victim,) = [child for child in children if child.name() == name]
    victim.kill()
    check_says_so_and_ends(process, tmp_path, f"its process {name!r} was killed or failed")
    assert gone(children)


@pytest.fixture
def others_cluster():
    """A cluster that others run."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
def test_without_the_raylet_of_a_cluster_that_others_run_the_command_ends(start, tmp_path, others_cluster):
    words = training(MANY)
    del words[words.index("--ray-num-cpus") :]
    # Where the cluster's token lies.
    process = start(*words, "--ray-address", others_cluster.address, env={"HOME": os.environ["HOME"]})
    wait_for(lambda: some_results(tmp_path, 2), process, tmp_path)
    os.kill(others_cluster.head_node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
    what = "its process 'raylet' on this machine was killed or failed"
    check_says_so_and_ends(process, tmp_path, what)
