"""Fixtures that build algorithms."""

import pytest
import ray


@pytest.fixture
def without_ray(monkeypatch):
    """An algorithm whose parts are all in this process needs no Ray but for handing itself its own settings."""
    monkeypatch.setenv("RAY_ENABLE_AUTO_CONNECT", "0")  # What needs more says so instead of starting Ray.
    for name in ("put", "get"):
        monkeypatch.setattr(ray, name, lambda value, **options: value)


@pytest.fixture
def build(request):
    """Builds algorithms, and stops them at the end of the test; tests that are not slow get them without Ray."""
    request.getfixturevalue("ray_session" if request.node.get_closest_marker("slow") else "without_ray")
    built = []

    def make(config):
        algorithm = config.build_algo()
        # RLlib's watch of the machine's load ends when it wakes up, every 0.7 s; nothing needs to wait for that.
        algorithm._monitor.join = lambda: None
        built.append(algorithm)
        return algorithm

    yield make
    for algorithm in built:
        algorithm.stop()
