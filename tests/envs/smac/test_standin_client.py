"""Every number that a client of the stand-in works out, against the same number of our simulator.

The small client follows SMAC's published rules and shares no code with the simulator's views and rewards.
"""

import os
import time

import numpy as np
import pytest
from batteries import battery_but

from rllib_remix.envs.smac.maps import MAPS
from rllib_remix.envs.smac_sim.simulator import SmacSim
from tests.envs.smac.standin import minimal_client
from tests.envs.smac.standin.comparing import fighting_actions, play_side_by_side, waiting_actions
from tests.envs.smac.standin.faults import Fault
from tests.envs.smac.standin.in_process import InProcessController
from tests.envs.smac.standin.installation import install
from tests.envs.smac.standin.minimal_client import MinimalStarCraft2Env
from tests.envs.smac.standin.optional_settings import OPTIONAL_SETTINGS

SMALL_MAPS = ("3m", "2s3z", "MMM", "bane_vs_bane")


@pytest.fixture
def sc2(tmp_path, monkeypatch):
    """An installation that SC2PATH names; at the end of the test no game of it may be left."""
    installation = install(tmp_path / "sc2")
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    yield installation
    deadline = time.monotonic() + 5.0
    while installation.running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert installation.running() == []


@pytest.fixture
def in_process(sc2, monkeypatch):
    """The client's games run in the process of the test."""
    monkeypatch.setattr(minimal_client, "Controller", InProcessController)


def compare(seed, *, episodes=1, most_steps=None, policy=None, **settings):
    settings = {"continuing_episode": True, **settings}
    client = MinimalStarCraft2Env(seed=seed, **settings)
    chosen = {} if policy is None else {"policy": policy}
    try:
        sim = SmacSim(1, **settings)
        return play_side_by_side(client, sim, seed, episodes=episodes, most_steps=most_steps, **chosen)
    finally:
        client.close()


@pytest.mark.parametrize("map_name", battery_but(["3m", "MMM"], MAPS))
def test_client_and_simulator_agree_on_every_map(in_process, map_name):
    seen = compare(1, map_name=map_name, most_steps=30)
    assert seen["steps"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("map_name", MAPS)
def test_client_and_simulator_agree_through_whole_episodes_on_every_map(in_process, map_name):
    seen = compare(2, map_name=map_name, episodes=3)
    assert seen["unfinished"] == 0


@pytest.mark.parametrize("map_name", battery_but(["3m", "MMM"], SMALL_MAPS))
def test_client_and_simulator_agree_from_episode_to_episode(in_process, map_name):
    seen = compare(3, map_name=map_name, episodes=6)
    assert seen["unfinished"] == 0
    assert min(seen["dead_allies"], seen["dead_enemies"]) > 0
    assert (seen["heals"] > 0) == (map_name == "MMM")


def weakening(client, weak):
    """A policy under which some units hardly live, in the client's game and in the simulator alike."""

    def policy(sim, avail_actions, rng, episode):
        names = np.array([*sim.options.map.ally_types, *sim.options.map.enemy_types])
        is_ally = np.arange(len(names)) < sim.n_agents
        chosen = {"allies": is_ally, "enemies": ~is_ally, "all": is_ally | ~is_ally}[weak] & (
            names != "medivac"
        )
        for battle in (sim.battle, client._controller.game._battle):
            units = battle.units[0]
            units["shield"][chosen] = 0.0
            units["health"][chosen] = np.minimum(units["health"][chosen], 1.0)
        return fighting_actions(sim, avail_actions, rng, episode=0)

    return policy


@pytest.mark.parametrize(("weak", "ending"), [("enemies", "won"), ("allies", "lost")])
@pytest.mark.parametrize("map_name", battery_but(["3m"], ["3m", "2s3z", "MMM", "6h_vs_8z"]))
def test_client_and_simulator_agree_on_victories_and_defeats(in_process, map_name, weak, ending):
    client = MinimalStarCraft2Env(map_name, seed=4)
    seen = play_side_by_side(
        client, SmacSim(1, map_name=map_name), 4, episodes=4, policy=weakening(client, weak)
    )
    assert seen[ending] == 4
    if map_name == "MMM":  # the one medivac is left
        assert seen[{"won": "dead_enemies", "lost": "dead_allies"}[ending]] == 4 * 9


@pytest.mark.battery
def test_client_and_simulator_agree_on_draws(in_process):
    client = MinimalStarCraft2Env("bane_vs_bane", seed=4)
    sim = SmacSim(1, map_name="bane_vs_bane")
    seen = play_side_by_side(client, sim, 4, episodes=8, policy=weakening(client, "all"))
    assert seen["drawn"] > 0


@pytest.mark.battery
@pytest.mark.parametrize("continuing", [True, False])
def test_client_and_simulator_agree_on_the_episode_limit(in_process, continuing):
    # A spine crawler does not come: who waits meets the limit.
    seen = compare(5, map_name="2s_vs_1sc", continuing_episode=continuing, policy=waiting_actions)
    assert (seen["timeouts"], seen["steps"]) == (1, MAPS["2s_vs_1sc"].episode_limit)


@pytest.mark.battery
@pytest.mark.parametrize(("map_name", "settings"), OPTIONAL_SETTINGS)
def test_client_and_simulator_agree_with_optional_settings(in_process, map_name, settings):
    compare(6, map_name=map_name, episodes=2, most_steps=30, **settings)


def test_other_seeds_play_other_episodes(in_process):
    with pytest.raises(AssertionError, match=r"3m, episode 0, step 0: .*entry"):
        play_side_by_side(MinimalStarCraft2Env("3m", seed=1), SmacSim(1, map_name="3m"), 2)


@pytest.mark.slow
@pytest.mark.parametrize("map_name", ["3m", "2s3z", "MMM"])
def test_client_and_simulator_agree_through_a_process(sc2, map_name):
    compare(7, map_name=map_name, episodes=3)
    assert len(sc2.launched()) == 1


@pytest.mark.slow
def test_a_crash_within_a_step_ends_the_episode_and_starts_a_new_game(sc2):
    sc2.set_faults(Fault("exit", "step", at=4, once=True))
    client = MinimalStarCraft2Env("3m", seed=8)
    try:
        client.reset()
        for _ in range(3):
            client.step([1, 1, 1])
        assert client.step([1, 1, 1]) == (0, True, {})
        assert client.force_restarts == 1
        obs, _ = client.reset()
        assert np.array(obs).any()
        assert len(sc2.running()) == 1
    finally:
        client.close()
    client.close()


@pytest.mark.slow
def test_a_crash_within_a_reset_starts_a_new_game(sc2):
    client = MinimalStarCraft2Env("3m", seed=9)
    try:
        client.reset()
        while not client.step([_first_allowed(mask) for mask in client.get_avail_actions()])[1]:
            pass
        sc2.set_faults(Fault("exit", "debug", once=True))
        client.reset()
        assert client.force_restarts == 1
        _, terminated, info = client.step([1, 1, 1])
        assert (terminated, info["dead_allies"]) == (False, 0)
        client.save_replay()
        assert len(os.listdir(sc2.folder / "Replays")) == 1
    finally:
        client.close()


def _first_allowed(mask):
    return mask.index(1)
