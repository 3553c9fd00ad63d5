"""All 23 maps as the simulator plays them: SMAC's sizes, armies at their points, the enemies' orders."""

import numpy as np
import pytest

from rllib_remix.envs.smac.maps import HEALTH, MAPS, smac_map
from rllib_remix.envs.smac_sim.battles.battle import Battle
from rllib_remix.envs.smac_sim.battles.layouts import ATTACK_MOVE, HUNT, IDLE, LAYOUTS, layout_of
from rllib_remix.envs.smac_sim.battles.terrain import terrain_of
from rllib_remix.envs.smac_sim.battles.units import AIR
from rllib_remix.envs.smac_sim.battles.world import START_JITTER
from rllib_remix.envs.smac_sim.simulator import SmacSim
from tests.envs.smac.size_table import ALL_OBS_FLAGS, SIZES


def started(name: str, copies: int = 5, seed: int = 0) -> Battle:
    battle = Battle(name, copies)
    battle.seed(seed)
    for copy in range(copies):
        battle.reset(copy)
    return battle


@pytest.mark.parametrize("name", SIZES)
def test_the_arrays_of_a_map_have_the_sizes_of_smac(name):
    sizes = SIZES[name]
    env = SmacSim(2, map_name=name)
    step = env.reset(seed=0)
    assert step.obs.shape == (2, sizes.n_agents, sizes.obs_dim)
    assert step.state.shape == (2, sizes.state_dim)
    assert step.avail_actions.shape == (2, sizes.n_agents, sizes.n_actions)
    assert (step.obs.dtype, step.state.dtype, step.avail_actions.dtype) == (np.float32, np.float32, bool)
    assert (env.n_agents, env.n_actions, env.obs_dim, env.state_dim, env.episode_limit) == (
        sizes.n_agents,
        sizes.n_actions,
        sizes.obs_dim,
        sizes.state_dim,
        sizes.episode_limit,
    )
    assert env.layout.max_reward == sizes.max_reward


@pytest.mark.parametrize("name", SIZES)
def test_the_arrays_grow_with_the_settings_as_in_smac(name):
    sizes = SIZES[name]
    step = SmacSim(1, map_name=name, state_last_action=False, **ALL_OBS_FLAGS).reset(seed=0)
    assert step.obs.shape == (1, sizes.n_agents, sizes.obs_dim_all_flags)
    assert step.state.shape == (1, sizes.state_dim_no_last_action)
    step = SmacSim(1, map_name=name, obs_instead_of_state=True).reset(seed=0)
    assert step.state.shape == (1, sizes.state_dim_obs_instead)
    np.testing.assert_array_equal(step.state[0], step.obs[0].reshape(-1))


@pytest.mark.parametrize("name", MAPS)
def test_every_unit_starts_alive_unhurt_and_with_nothing_to_do_but_its_order(name):
    battle, game = started(name), smac_map(name)
    units = battle.units
    names = [battle.kind_names[kind] for kind in units[0]["kind"]]
    assert tuple(names) == (*game.ally_types, *game.enemy_types)
    health = [80 if unit == "hydralisk" else HEALTH[unit][0] for unit in names]
    assert (units["health"] == health).all()
    assert (units["shield"] == [HEALTH[unit][1] for unit in names]).all()
    assert (units["energy"] == [50 if unit == "medivac" else 0 for unit in names]).all()
    assert (units["cooldown"] == 0).all()
    assert (units["target"] == -1).all()
    assert (units["order"][:, : game.n_agents] == IDLE).all()


@pytest.mark.parametrize("name", MAPS)
def test_armies_start_in_a_cluster_around_their_points(name):
    battle, game, layout = started(name), smac_map(name), layout_of(smac_map(name))
    n, units = game.n_agents, battle.units
    separation = battle.kinds["separation"][units["kind"][0]]
    for side, points in ((slice(0, n), layout.ally_points), (slice(n, None), layout.enemy_points)):
        x, y = units["x"][:, side], units["y"][:, side]
        distance = np.min([np.hypot(x - px, y - py) for px, py in points], axis=0)
        # Discs of this total area, packed loosely (half of the ground) into a disc or, at a cliff, half a disc.
        area = (np.pi * separation[side] ** 2).sum()
        assert distance.max() <= np.sqrt(2 * area / np.pi * 2) + 2 * START_JITTER + 0.5


@pytest.mark.parametrize("name", MAPS)
def test_units_start_where_they_can_stand_and_hardly_overlap(name):
    battle = started(name)
    walkable = terrain_of(name).walkable
    for units in battle.units:
        layer, separation = (battle.kinds[field][units["kind"]] for field in ("layer", "separation"))
        ground = units[layer != AIR]
        assert walkable[ground["x"].astype(int), ground["y"].astype(int)].all()
        distance = np.hypot(units["x"][:, None] - units["x"], units["y"][:, None] - units["y"])
        overlap = separation[:, None] + separation - distance
        overlap[layer[:, None] != layer] = 0
        np.fill_diagonal(overlap, 0)
        # Chance moves each by 0.2 along either axis at most; both of a pair against each other: 2 · 0.2 · √2.
        assert overlap.max() <= 2 * START_JITTER * np.sqrt(2) + 1e-5


@pytest.mark.parametrize("name", ["3m", "27m_vs_30m", "MMM", "1c3s5z", "bane_vs_bane"])
def test_agents_of_a_kind_are_numbered_from_west_to_east(name):
    battle = started(name, copies=20)
    n = battle.n_agents
    for units in battle.units:
        allies = units[:n]
        assert (np.diff(allies["kind"]) >= 0).all()
        for kind in np.unique(allies["kind"]):
            places = [tuple(place) for place in allies[allies["kind"] == kind][["x", "y"]].tolist()]
            assert places == sorted(places)


@pytest.mark.parametrize("name", ["3m", "8m", "25m", "2s3z", "3s5z", "1c3s5z", "bane_vs_bane", "MMM"])
def test_equal_armies_are_created_as_mirror_images(name):
    starts, game = Battle(name).world.starts, smac_map(name)
    for kind in set(game.ally_types):
        allies = starts[: game.n_agents][np.array(game.ally_types) == kind]
        enemies = starts[game.n_agents :][np.array(game.enemy_types) == kind]
        mirrored = 32 - enemies
        np.testing.assert_allclose(np.sort(allies, 0), np.sort(mirrored, 0), atol=1e-5)


@pytest.mark.parametrize("name", ["3m", "1c3s5z", "MMM2"])
def test_enemies_of_a_kind_are_numbered_as_the_allies_mirrored(name):
    battle = started(name, copies=20)
    for units in battle.units:
        enemies = units[battle.n_agents :]
        for kind in np.unique(enemies["kind"]):
            places = [tuple(place) for place in enemies[enemies["kind"] == kind][["x", "y"]].tolist()]
            assert places == sorted(places, reverse=True)


def test_most_armies_start_14_cells_apart():
    assert set(MAPS) - set(LAYOUTS) == {
        *("3m", "8m", "25m", "5m_vs_6m", "8m_vs_9m", "10m_vs_11m", "27m_vs_30m", "MMM", "MMM2"),
        *("2s3z", "3s5z", "3s5z_vs_3s6z", "1c3s5z", "3s_vs_3z", "3s_vs_4z", "3s_vs_5z"),
    }
    layout = layout_of(smac_map("8m"))
    assert (layout.ally_points, layout.enemy_points) == (((9, 16),), ((23, 16),))


def test_chance_moves_every_start_within_a_small_square():
    battle = started("3m", copies=500)
    moved_x = np.sort(battle.units["x"][:, 3:] - battle.world.starts[3:, 0], axis=None)
    assert np.abs(moved_x).max() <= START_JITTER + 0.2  # and then neighbours push each other a little
    assert 0.09 < moved_x.std() < 0.15  # uniform: 0.4 / √12 = 0.115
    assert abs(moved_x.mean()) < 0.03


ORDERS = {"2c_vs_64zg": HUNT, "2s_vs_1sc": IDLE}
GOALS = {
    "bane_vs_bane": (16, 8),
    "6h_vs_8z": (14.6, 9.49),
    "corridor": (4.47, 4.33),
    "so_many_baneling": (4.47, 4.33),
}


@pytest.mark.parametrize("name", MAPS)
def test_enemies_get_the_order_of_their_map(name):
    battle = started(name)
    enemies = battle.units[:, battle.n_agents :]
    assert (enemies["order"] == ORDERS.get(name, ATTACK_MOVE)).all()
    if name not in ORDERS and name != "2m_vs_1z":
        x, y = GOALS.get(name, (9, 16))
        np.testing.assert_allclose(enemies["goal_x"], x, rtol=1e-6)
        np.testing.assert_allclose(enemies["goal_y"], y, rtol=1e-6)


def test_the_zealot_of_2m_vs_1z_goes_to_a_uniform_place_between_the_marines():
    enemies = started("2m_vs_1z", copies=2000).units[:, 2]
    assert (enemies["goal_y"] == 12).all()
    share = (enemies["goal_x"] - 13) / 6
    assert share.min() >= 0
    assert share.max() <= 1
    counts, _ = np.histogram(share, 10, (0, 1))
    # 200 expected in each of ten parts; the deviation is √(2000 · 0.1 · 0.9) = 13.
    assert (np.abs(counts - 200) < 60).all()


def test_all_enemies_of_a_copy_share_one_goal():
    for units in started("8m", copies=3).units:
        assert len(set(units["goal_x"][8:].tolist())) == 1
