"""One process may run several jobs, one after the other, on Rays of their own."""

from types import SimpleNamespace

import pytest
import ray
from ray.tune.registry import _global_registry, register_env

from rllib_remix.running import cluster
from rllib_remix.running.cluster import Cluster, connected


@pytest.fixture
def jobs(monkeypatch):
    """What each Ray gets that is started: what was registered for it, under its job's id."""
    started = []

    def connect(*_: object) -> None:
        started.append((_global_registry.prefix, set(_global_registry._to_flush)))
        _global_registry._to_flush.clear()

    ids = iter(("01000000", "02000000", "03000000"))
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(cluster, "_connect", connect)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_job_id=lambda: next(ids)))
    monkeypatch.setattr("ray.tune.registry._internal_kv_initialized", lambda: False)
    monkeypatch.setattr(_global_registry, "_prefix", None)
    monkeypatch.setattr(_global_registry, "_to_flush", {})
    return started


def test_what_a_user_registered_is_there_for_every_run_of_a_process_under_its_own_id(jobs):
    register_env("mine", lambda config: None)
    for _ in range(2):
        with connected(Cluster(), 0, print, print):
            pass
    register_env("another", lambda config: None)
    with pytest.raises(KeyError), connected(Cluster(), 0, print, print):
        raise KeyError
    mine, another = ("env_creator", "mine"), ("env_creator", "another")
    assert jobs == [("01000000", {mine}), ("02000000", {mine}), ("03000000", {mine, another})]
    assert set(_global_registry._to_flush) == {mine, another}
