"""Masks, observations and state entry by entry, against SMAC's rules in plain Python and figures by hand."""

from functools import cache

import numpy as np
import pytest
from batteries import battery_but

from rllib_remix.envs.smac_sim.observing import write_avail, write_obs, write_state
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.team_env import random_actions
from tests.envs.smac.size_table import ALL_OBS_FLAGS
from tests.envs.smac_sim.boards import clear, put
from tests.envs.smac_sim.reference import Reference, Unit

MAPS = (
    "3m",
    "2s3z",
    "MMM",
    "MMM2",
    "1c3s5z",
    "bane_vs_bane",
    "6h_vs_8z",
    "2s_vs_1sc",
    "corridor",
    "2c_vs_64zg",
)
SETTINGS = {
    "default": {},
    "all observations": {**ALL_OBS_FLAGS, "state_timestep_number": True},
    "little": {"obs_all_health": False, "obs_own_health": False, "state_last_action": False},
    "own health only": {"obs_all_health": False, "obs_last_action": True, "move_amount": 3},
    "observations as state": {**ALL_OBS_FLAGS, "obs_instead_of_state": True},
}


def reference_of(env: SmacSim, copy: int = 0) -> Reference:
    """SMAC's view of what stands in the environment's arrays now."""
    game, battle, view = env.options.map, env.battle, env._view
    names = (*game.ally_types, *game.enemy_types)
    units = [
        Unit(
            name,
            *(float(u[f]) for f in ("x", "y", "health", "shield", "energy")),
            max(0.0, float(u["cooldown"])),
        )
        for name, u in zip(names, battle.units[copy], strict=True)
    ]
    last_actions = view.last_actions[copy].tolist()
    return Reference(
        game,
        vars(env.options),
        units,
        battle.pathing,
        battle.heights,
        None if last_actions[0] < 0 else last_actions,
        int(view.steps[copy]),
    )


def check(env: SmacSim, copy: int = 0) -> None:
    """Masks, observations and state of a copy are what SMAC says."""
    said, expected = env.current(), reference_of(env, copy)
    for agent in range(env.n_agents):
        assert said.avail_actions[copy, agent].tolist() == [bool(a) for a in expected.avail(agent)]
        np.testing.assert_array_equal(said.obs[copy, agent], np.array(expected.obs(agent), np.float32))
    np.testing.assert_array_equal(said.state[copy], np.array(expected.state(), np.float32))


def look(env: SmacSim) -> None:
    """Writes what the first copy's units see now, without letting time pass."""
    rules, view, units = env._rules, env._view, env.battle.units[0]
    shared = (rules, units, env.battle.kinds, np.int32(env.n_agents))
    last, steps = view.last_actions[0], view.steps[0]
    write_avail(*shared, view.pathing, view.avail[0])
    write_obs(*shared, view.pathing, view.heights, view.avail[0], last, steps, view.obs[0])
    if rules.obs_instead_of_state:
        view.state[0] = view.obs[0].reshape(-1)
    else:
        write_state(*shared, env.n_actions, last, steps, view.state[0])


def scatter(env: SmacSim, rng: np.random.Generator) -> None:
    """Units anywhere on the map, in any state of health, about a quarter of them dead."""
    units, kinds = env.battle.units[0], env.battle.kinds
    count, kind = len(units), kinds[units["kind"]]
    centre = rng.uniform(0, 32, 2)
    for axis, name in enumerate(("x", "y")):
        units[name] = np.clip(centre[axis] + rng.normal(0, 6, count), 0, 31.99)
    units["health"] = kind["health"] * rng.random(count) * (rng.random(count) > 0.25)
    units["shield"] = kind["shield"] * rng.random(count)
    units["energy"] = kind["energy"] * rng.random(count)
    units["cooldown"] = (kind["cooldown"] + 2) * rng.random(count) - 1
    env._view.last_actions[0] = rng.integers(-1, env.n_actions, env.n_agents)
    if env._view.last_actions[0, 0] < 0:
        env._view.last_actions[0] = -1
    env._view.steps[0] = rng.integers(env.episode_limit)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", battery_but(MAPS[:2], MAPS))
def test_units_scattered_over_the_map_are_seen_as_in_smac(name, settings):
    env = SmacSim(1, map_name=name, **SETTINGS[settings])
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(4 if env.n_agents > 10 else 10):
        scatter(env, rng)
        look(env)
        check(env)


@pytest.mark.parametrize("name", MAPS)
def test_what_an_episode_shows_step_by_step_is_what_smac_would_show(name):
    env = SmacSim(2, map_name=name, **ALL_OBS_FLAGS, state_timestep_number=True)
    step = env.reset(seed=1)
    rng = np.random.default_rng(1)
    check(env, 1)
    for number in range(60):
        step = env.step(random_actions(step.avail_actions, rng))
        if number % 4 == 0:
            check(env, 1)


# Figures by hand


@cache
def on(name: str) -> SmacSim:
    """An environment whose units a test places itself."""
    env = SmacSim(1, map_name=name)
    env.reset(seed=0)
    return env


def seen(name: str, places: dict[int, tuple[float, float]], **fields) -> SmacSim:
    """The units of `places`, and no others, on a map, as they are seen at the start of an episode."""
    env = on(name)
    clear(env.battle.units)
    env._view.last_actions[0] = -1
    for number, (x, y) in places.items():
        put(env.battle.units, env.battle.kinds, number, x, y)
    for field, values in fields.items():
        for number, value in values.items():
            env.battle.units[field][0, number] = value
    look(env)
    return env


def test_an_observation_of_3m_by_hand():
    # Agent 0 at (10, 16); an enemy 3 east and 4 north (distance 5) with 30 of 45 hp, another 10 east, out of sight; an
    # ally 6 west. The third of each side is dead.
    env = seen("3m", {0: (10, 16), 1: (4, 16), 3: (13, 20), 4: (20, 16)}, health={3: 30})
    obs = env.current().obs[0, 0]
    enemies = [1, 5 / 9, 3 / 9, 4 / 9, 30 / 45, *5 * [0], *5 * [0]]
    allies = [1, 6 / 9, -6 / 9, 0, 1, *5 * [0]]
    np.testing.assert_allclose(obs, [1, 1, 1, 1, *enemies, *allies, 1], rtol=1e-6)
    # Its state: health, cooldown, (10 − 16)/32, 0; (4 − 16)/32; dead; enemies without cooldowns; 27 last actions.
    state = [1, 0, -0.1875, 0, 1, 0, -0.375, 0, 0, 0, 0, 0]
    state += [30 / 45, -0.09375, 0.125, 1, 0.125, 0, 0, 0, 0, *27 * [0]]
    np.testing.assert_allclose(env.current().state[0], state, rtol=1e-6)


def test_a_stalker_has_another_column_as_an_enemy_than_as_an_ally():
    env = seen("2s3z", {0: (10, 16), 2: (11, 16), 5: (12, 16), 7: (13, 16)})
    obs = env.current().obs[0, 0]
    enemies = obs[4:44].reshape(5, 8)
    allies = obs[44:76].reshape(4, 8)
    assert enemies[0, 6:].tolist() == [0, 1]  # a stalker: 74 − 73
    assert enemies[2, 6:].tolist() == [1, 0]  # a zealot: 73 − 73
    assert allies[1, 6:].tolist() == [0, 1]  # a zealot, agent 2
    assert obs[76:].tolist() == [1, 1, 1, 0]  # itself: health, shield, stalker


def test_the_energy_of_a_medivac_stands_where_others_have_their_cooldown():
    env = seen("MMM", {2: (10, 16), 9: (12, 16)}, cooldown={2: 6}, energy={9: 50})
    allies = env.current().state[0][:70].reshape(10, 7)
    assert allies[2, 1] == pytest.approx(6 / 15)
    assert allies[9, 1] == pytest.approx(50 / 200)
    assert allies[9].tolist() == pytest.approx([1, 0.25, (12 - 16) / 32, 0, 0, 0, 1])


def test_a_medivacs_actions_heal_living_allies_within_reach_but_no_medivac():
    # Agents 0 and 1 marauders, 2 to 8 marines, 9 the medivac; the unhurt may be healed too.
    places = {9: (12, 16), 0: (10, 16), 3: (17, 16), 4: (18.1, 16), 10: (13, 16)}
    env = seen("MMM", places)
    step = env.current()
    assert np.flatnonzero(step.avail_actions[0, 9, 6:]).tolist() == [0, 3]
    # The first entry of its row of enemy 0 says whether ally 0 can be healed; of row 1, dead, nothing.
    assert step.obs[0, 9, 4] == 1
    # A marine in its place could attack enemy 0.
    assert np.flatnonzero(step.avail_actions[0, 3, 6:]).tolist() == [0]


def test_the_row_of_an_enemy_tells_a_medivac_whether_it_can_heal_the_ally_of_that_number():
    env = seen("MMM", {9: (12, 16), 1: (10, 16), 10: (13, 16), 11: (14, 16)})
    rows = env.current().obs[0, 9, 4:84].reshape(10, 8)
    assert rows[0, 0] == 0  # ally 0 is dead, enemy 0 is there
    assert rows[1, 0] == 1
    assert rows[0, 1] == pytest.approx(1 / 9)


@pytest.mark.parametrize(("distance", "sees"), [(9.0, False), (8.999, True)])
def test_units_see_less_far_than_9_cells(distance, sees):
    env = seen("3m", {0: (10, 16), 1: (10 + distance, 16), 3: (10 + distance, 16)})
    obs = env.current().obs[0, 0]
    assert obs[4:9].any() == sees
    assert obs[19:24].any() == sees


@pytest.mark.parametrize(("distance", "shoots"), [(6.0, True), (6.001, False)])
def test_units_may_attack_up_to_6_cells(distance, shoots):
    env = seen("3m", {0: (10, 16), 3: (10 + distance, 16)})
    assert env.current().avail_actions[0, 0].tolist() == [False, *5 * [True], shoots, False, False]
    assert env.current().obs[0, 0, 4] == shoots


def test_dead_enemies_cannot_be_attacked_nor_seen():
    env = seen("3m", {0: (10, 16), 4: (12, 16)})
    assert np.flatnonzero(env.current().avail_actions[0, 0, 6:]).tolist() == [1]
    assert not env.current().obs[0, 0, 4:9].any()
    assert not env.current().state[0, 12:15].any()


def test_the_dead_see_nothing_and_may_only_do_nothing():
    env = seen("3m", {1: (10, 16), 3: (12, 16)})
    step = env.current()
    assert np.flatnonzero(step.avail_actions[0, 0]).tolist() == [0]
    assert not step.obs[0, 0].any()
    assert not step.state[0, :4].any()
    assert not step.avail_actions[0, 1, 0]


@pytest.mark.parametrize(
    ("map_name", "place", "moves"),
    [
        # north, south, east, west; the band's ground reaches from y = 8 to 24, x from 0 to 32
        ("3m", (16, 16), (True, True, True, True)),
        ("3m", (16, 23.0), (False, True, True, True)),  # 24 is beyond
        ("3m", (16, 22.99), (True, True, True, True)),
        ("3m", (16, 8.99), (True, False, True, True)),  # 7.99
        ("3m", (16, 9.0), (True, True, True, True)),
        ("3m", (31.0, 16), (True, True, False, True)),  # 32 is off the map
        ("3m", (0.5, 16), (True, True, True, True)),  # −0.5 is cut off to 0, which is on the map
        ("3s_vs_3z", (0.0, 0.0), (True, False, True, False)),  # −1
        ("3s_vs_3z", (0.001, 0.001), (True, True, True, True)),  # −0.999 is cut off to 0
        ("3s_vs_3z", (31.9, 31.9), (False, True, False, True)),
    ],
)
def test_moves_are_available_where_the_cell_a_step_away_is_walkable(map_name, place, moves):
    env = seen(map_name, {0: place})
    assert tuple(env.current().avail_actions[0, 0, 2:6].tolist()) == moves
    assert tuple(env.current().obs[0, 0, :4].astype(bool).tolist()) == moves


def test_the_cooldown_of_a_hydralisk_may_exceed_one():
    # SMAC divides its 13.2 loops by 10.
    env = seen("6h_vs_8z", {0: (14, 10), 6: (14, 16)}, cooldown={0: 13.2})
    assert env.current().state[0, 1] == pytest.approx(1.32)


def test_a_cooldown_that_has_run_over_shows_as_zero():
    env = seen("3m", {0: (10, 16), 3: (12, 16)}, cooldown={0: -0.7})
    assert env.current().state[0, 1] == 0


def test_points_around_an_agent_at_the_edge_count_as_open_and_high_beyond_the_map():
    env = SmacSim(1, map_name="3m", obs_pathing_grid=True, obs_terrain_height=True)
    env.reset(seed=0)
    clear(env.battle.units)
    put(env.battle.units, env.battle.kinds, 0, 1.5, 20.5)
    put(env.battle.units, env.battle.kinds, 3, 16, 16)
    look(env)
    obs = env.current().obs[0, 0]
    # N (1, 24): cliff; S (1, 16), E (5, 20): open; W (−3, 20): off the map, 1; NE (3, 22) open, SW (−1, 18) off the
    # map, SE (3, 18) open, NW (−1, 22) off the map. The ground's height is 127 of 255.
    assert obs[4:12].tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
    high = 127 / 255
    np.testing.assert_allclose(obs[12:21], [high, high, high, 1, high, 1, high, 1, high], rtol=1e-6)


def test_last_actions_are_those_of_the_last_step_and_none_after_a_reset():
    env = SmacSim(1, map_name="3m", obs_last_action=True)
    step = env.reset(seed=0)
    assert not step.state[0, 21:].any()
    env.battle.units["health"][0, 2] = 0
    step = env.step([[2, 4, 1]])
    assert np.flatnonzero(step.state[0, 21:]).tolist() == [2, 9 + 4, 18 + 1]
    rows = step.obs[0, 0, 4 + 15 : 4 + 15 + 28].reshape(2, 14)
    assert np.flatnonzero(rows[0, 5:]).tolist() == [4]  # ally 1
    assert not rows[1].any()  # ally 2 is dead
    step = env.step([[1, 1, 0]])
    assert np.flatnonzero(step.state[0, 21:]).tolist() == [1, 9 + 1, 18]  # the dead do nothing: no-op
    assert not env.reset().state[0, 21:].any()


def test_the_time_goes_from_zero_to_one():
    env = SmacSim(1, map_name="3m", obs_timestep_number=True, state_timestep_number=True)
    step = env.reset(seed=0)
    assert step.obs[0, :, -1].tolist() == [0, 0, 0]
    for number in (1, 2, 3):
        step = env.step([[1, 1, 1]])
        np.testing.assert_allclose(step.obs[0, :, -1], number / 60, rtol=1e-6)
        assert step.state[0, -1] == pytest.approx(number / 60)


def test_the_dead_are_told_the_time_as_well():
    env = SmacSim(1, map_name="3m", obs_timestep_number=True)
    env.reset(seed=0)
    env.battle.units["health"][0, 0] = 0
    step = env.step([[1, 1, 1]])
    assert step.obs[0, 0, -1] == pytest.approx(1 / 60)
    assert not step.obs[0, 0, :-1].any()


def test_what_agents_do_not_see_stands_in_the_state_all_the_same():
    env = seen("3m", {0: (2, 16), 3: (30, 16)})
    assert not env.current().obs[0, 0, 4:19].any()
    assert env.current().state[0, 12:15].tolist() == [1, (30 - 16) / 32, 0]
