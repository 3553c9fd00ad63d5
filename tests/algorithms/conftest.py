import pytest
import ray


@pytest.fixture
def build(ray_session):
    """Builds algorithms, and stops them at the end of the test."""
    built = []

    def make(config):
        built.append(config.build_algo())
        return built[-1]

    yield make
    for algorithm in built:
        algorithm.stop()


@pytest.fixture
def build_without_ray(monkeypatch):
    """As `build`, in this process alone: RLlib hands its settings to itself through Ray's store, even then."""
    monkeypatch.setattr(ray, "put", lambda value, **_: value)
    monkeypatch.setattr(ray, "get", lambda value, **_: value)
    built = []

    def make(config):
        built.append(config.build_algo())
        return built[-1]

    yield make
    for algorithm in built:
        algorithm.stop()
