"""One process may run several jobs, one after the other, on Rays of their own."""

from types import SimpleNamespace

import ray
from ray.tune.registry import _global_registry

from rllib_remix.running import cluster
from rllib_remix.running.cluster import Cluster, connected


def test_what_a_later_job_registers_is_registered_under_its_own_id(monkeypatch):
    jobs = iter(("01000000", "02000000"))
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(cluster, "_connect", lambda *_: None)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_job_id=lambda: next(jobs)))
    monkeypatch.setattr(_global_registry, "_prefix", None)
    for job in ("01000000", "02000000"):
        with connected(Cluster(), 0, print, print):
            assert _global_registry.prefix == job
