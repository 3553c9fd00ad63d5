"""SMAC's own client, unmodified, against the stand-in: every number against the same number of our simulator.

It needs the oxwhirl package (not PyPI's `smac`) with pysc2, and PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python in the
environment of the tests, unless protobuf is older than 3.21.
"""

import time

import pytest

from rllib_remix.envs.smac.maps import MAPS
from rllib_remix.envs.smac_sim.simulator import SmacSim
from tests.envs.smac.standin.comparing import play_side_by_side, waiting_actions
from tests.envs.smac.standin.faults import Fault
from tests.envs.smac.standin.installation import install
from tests.envs.smac.standin.optional_settings import OPTIONAL_SETTINGS

try:
    from smac.env import StarCraft2Env
except (ImportError, TypeError) as error:  # TypeError: generated code that this protobuf refuses
    pytest.skip(f"SMAC's client cannot be imported ({error})", allow_module_level=True)

pytestmark = [pytest.mark.starcraft_client, pytest.mark.slow]


@pytest.fixture
def sc2(tmp_path, monkeypatch):
    installation = install(tmp_path / "sc2")
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    yield installation
    deadline = time.monotonic() + 5.0
    while installation.running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert installation.running() == []


def compare(seed, *, episodes=1, most_steps=None, policy=None, **settings):
    settings = {"continuing_episode": True, **settings}
    client = StarCraft2Env(seed=seed, **settings)
    chosen = {} if policy is None else {"policy": policy}
    try:
        sim = SmacSim(1, **settings)
        return play_side_by_side(client, sim, seed, episodes=episodes, most_steps=most_steps, **chosen)
    finally:
        client.close()


@pytest.mark.parametrize("map_name", MAPS)
def test_smacs_client_and_simulator_agree_on_every_map(sc2, map_name):
    seen = compare(11, map_name=map_name, episodes=2)
    assert seen["unfinished"] == 0


@pytest.mark.parametrize("map_name", ["3m", "2s3z", "MMM", "bane_vs_bane"])
def test_smacs_client_and_simulator_agree_from_episode_to_episode(sc2, map_name):
    seen = compare(12, map_name=map_name, episodes=8)
    assert min(seen["dead_allies"], seen["dead_enemies"]) > 0


@pytest.mark.parametrize("continuing", [True, False])
def test_smacs_client_and_simulator_agree_on_the_episode_limit(sc2, continuing):
    seen = compare(13, map_name="2s_vs_1sc", continuing_episode=continuing, policy=waiting_actions)
    assert seen["timeouts"] == 1


@pytest.mark.parametrize(("map_name", "settings"), OPTIONAL_SETTINGS)
def test_smacs_client_and_simulator_agree_with_optional_settings(sc2, map_name, settings):
    compare(14, map_name=map_name, episodes=2, most_steps=30, **settings)


def test_smacs_client_starts_a_new_game_after_a_crash(sc2):
    sc2.set_faults(Fault("exit", "step", at=4, once=True))
    client = StarCraft2Env("3m", seed=15)
    try:
        client.reset()
        for _ in range(3):
            client.step([1, 1, 1])
        assert client.step([1, 1, 1]) == (0, True, {})
        assert client.force_restarts == 1
    finally:
        client.close()
