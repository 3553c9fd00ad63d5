import pytest


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
