"""SMACv2's random teams and starts: shares by count, positions by hand."""

import numpy as np
import pytest

from rllib_remix.envs.smac.capabilities import scenario
from rllib_remix.envs.smac_sim.battles.layouts import HUNT
from rllib_remix.envs.smac_sim.simulator import SmacSim


def configured(race="terran", units=5, enemies=5, *, team=None, starts=None):
    """Settings of a scenario with other entries in two parts of its capability_config; `starts` None: without."""
    settings = scenario(race, units, enemies)
    config = settings["capability_config"]
    config["team_gen"] |= team or {}
    if starts is None:
        del config["start_positions"]
    else:
        config["start_positions"] = {"map_x": 32, "map_y": 32, **starts}
    return settings


def drawn(settings, copies=1, seed=0):
    env = SmacSim(copies, **settings)
    env.reset(seed)
    return env


def names(env):
    """[N, M]: the unit name of every unit of every copy."""
    return np.array(env.battle.kind_names)[env.battle.units["kind"]]


def starts(env):
    """[N, M, 2] cells."""
    return env.battle.world.drawn_starts


REFLECTED, SURROUNDED = {"dist_type": "reflect_position"}, {"dist_type": "surrounded"}
ONE_TYPE = {"unit_types": ["marine"], "weights": [1.0]}


def chi_square(counts, shares):
    expected = np.array(shares) * sum(counts)
    return float(((np.array(counts) - expected) ** 2 / expected).sum())


def test_types_come_in_their_shares():
    allies = names(drawn(configured(starts=REFLECTED), copies=2000))[:, :5]
    counts = [(allies == name).sum() for name in ("marine", "marauder", "medivac")]
    assert chi_square(counts, (0.45, 0.45, 0.1)) < 13.8  # 2 degrees of freedom: exceeded once in 1000


def test_a_type_without_a_share_never_comes():
    team = {"unit_types": ["zergling", "hydralisk"], "weights": [0.0, 1.0], "exception_unit_types": []}
    assert set(names(drawn(configured("zerg", team=team), copies=100)).flat) == {"hydralisk"}


def test_exceptions_never_make_up_a_team():
    # Of two units both are medivacs in 81 % of the draws, which are thrown away.
    team = {"weights": [0.05, 0.05, 0.9]}
    allies = names(drawn(configured(units=2, enemies=2, team=team), copies=2000))[:, :2]
    medivacs = (allies == "medivac").sum(1)
    assert medivacs.max() == 1
    # 2 · 0.9 · 0.1 = 0.18 of the draws have one medivac, 0.01 none: 18 of 19 that are kept.
    assert (medivacs == 1).mean() == pytest.approx(18 / 19, abs=4 * np.sqrt(18 / 19 / 19 / 2000))


def test_enemies_are_the_same_team_and_more():
    found = names(drawn(configured(units=10, enemies=11, team={"weights": [0.1, 0.1, 0.8]}), copies=300))
    for row in found:
        allies, enemies = sorted(row[:10]), row[10:]
        assert sorted(enemies[:10]) == allies
    # The eleventh is a team of its own, which no medivac can make up.
    assert set(found[:, 20]) == {"marine", "marauder"}


def test_fewer_enemies_are_a_part_of_the_team():
    for row in names(drawn(configured(units=6, enemies=4), copies=100)):
        allies, enemies = row[:6].tolist(), row[6:].tolist()
        assert all(enemies.count(name) <= allies.count(name) for name in set(enemies))


def test_agents_are_numbered_by_type_then_from_west_to_east():
    env = drawn(configured(units=10, enemies=10, starts=REFLECTED), copies=50)
    kinds, x = env.battle.units["kind"][:, :10], env.battle.units["x"][:, :10]
    assert (np.diff(kinds, axis=1) >= 0).all()
    assert (np.diff(x, axis=1)[np.diff(kinds, axis=1) == 0] >= 0).all()


def test_enemies_are_not_numbered_by_type():
    kinds = drawn(configured(units=10, enemies=10), copies=50).battle.units["kind"][:, 10:]
    assert (np.diff(kinds, axis=1) < 0).any()


def test_reflected_enemies_stand_as_the_allies_mirrored_at_the_middle():
    env = drawn(configured(units=1, enemies=1, starts=REFLECTED), copies=2000)
    ally, enemy = starts(env)[:, 0], starts(env)[:, 1]
    np.testing.assert_allclose(enemy[:, 0], 32 - ally[:, 0], atol=0.002)  # the map ends just below 32
    np.testing.assert_array_equal(enemy[:, 1], ally[:, 1])
    assert (names(env)[:, 0] == names(env)[:, 1]).all()
    # Uniform over [0, 15] × [0, 32]: tenths of both are equally likely; 9 degrees of freedom, once in 1000.
    for axis, size in ((0, 15), (1, 32)):
        counts, _ = np.histogram(ally[:, axis], 10, (0, size))
        assert counts.sum() == 2000
        assert chi_square(counts, [0.1] * 10) < 27.9


def test_reflected_units_keep_their_type_in_the_mirror():
    env = drawn(configured(units=3, enemies=3, starts=REFLECTED), copies=100)
    found = 0
    for row, places in zip(names(env), starts(env), strict=True):
        for ally in range(3):
            mirrored = places[ally] * (-1, 1) + (32, 0)
            here = np.flatnonzero(np.abs(places[3:] - mirrored).max(1) < 0.002)
            found += len(here) == 1 and row[3 + here[0]] == row[ally]
    assert found > 280  # the others had to make room


def test_enemies_beyond_the_mirrored_ones_stand_anywhere_in_the_east():
    more = starts(drawn(configured(units=1, enemies=2, starts=REFLECTED), copies=1000))[:, 2]
    counts, _ = np.histogram(more[:, 0], 8, (16, 32))
    assert chi_square(counts, [1 / 8] * 8) < 24.3  # 7 degrees of freedom
    assert np.ptp(more[:, 1]) > 30


def test_surrounding_enemies_stand_on_the_diagonals_between_the_corners_and_the_centre():
    places = starts(drawn(configured(units=1, enemies=1, starts=SURROUNDED), copies=2000))
    np.testing.assert_array_equal(places[:, 0], np.full((2000, 2), 16))
    offset = places[:, 1] - 16
    np.testing.assert_allclose(np.abs(offset[:, 0]), np.abs(offset[:, 1]), atol=0.002)
    # From 2 cells beside the centre to the corner, 16 cells away along both axes, uniformly.
    counts, _ = np.histogram(np.abs(offset[:, 0]), 7, (2, 16))
    assert counts.sum() == 2000
    assert chi_square(counts, [1 / 7] * 7) < 22.5
    quarters = [
        ((offset[:, 0] > 0) == east) & ((offset[:, 1] > 0) == north) for east in (0, 1) for north in (0, 1)
    ]
    assert chi_square([quarter.sum() for quarter in quarters], [0.25] * 4) < 16.3


def test_surrounding_enemies_come_in_one_to_four_groups():
    offset = (
        starts(drawn(configured(units=1, enemies=8, team=ONE_TYPE, starts=SURROUNDED), copies=4000))[:, 1:]
        - 16
    )
    quarters = [len(set(quarter)) for quarter in ((offset[..., 0] > 0) * 2 + (offset[..., 1] > 0)).tolist()]
    # One quarter: 1/4 · (1 + 2/2⁸ + 3/3⁸ + 4/4⁸) = 0.2521; four: 1/4 · (onto maps of 8 on 4) 40824 / 4⁸ = 0.1557.
    for number, share in ((1, 0.2521), (4, 0.1557)):
        found = np.mean(np.array(quarters) == number)
        assert found == pytest.approx(share, abs=4 * np.sqrt(share / 4000))


def test_p_is_the_share_of_reflected_starts():
    mixed = {"dist_type": "surrounded_and_reflect", "p": 0.25}
    places = starts(drawn(configured(units=1, enemies=1, starts=mixed), copies=4000))
    reflected = (places[:, 0] != 16).any(1).mean()
    assert reflected == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 4000))


def test_starts_keep_to_the_part_of_the_map_that_is_asked_for():
    part = {"dist_type": "reflect_position", "map_x": 16, "map_y": 10}
    places = starts(drawn(configured(units=1, enemies=1, starts=part), copies=300))
    assert places[..., 0].max() <= 16
    assert places[..., 1].max() <= 10
    np.testing.assert_allclose(places[:, 1, 0], 16 - places[:, 0, 0], atol=1e-5)


def test_without_start_positions_armies_stand_at_two_points():
    places = starts(drawn(configured(units=1, enemies=1), copies=3))
    np.testing.assert_array_equal(places, [[[8, 16], [24, 16]]] * 3)


def test_units_for_one_point_take_the_nearest_free_spots():
    # Marines are 0.375 cells wide to each side: the first stands on the point, the next 0.75 cells beside it.
    env = drawn(configured(units=5, enemies=1, team=ONE_TYPE))
    offsets = {tuple(place) for place in (starts(env)[0, :5] - (8, 16)).tolist()}
    assert offsets == {(0, 0), (0.75, 0), (-0.75, 0), (0, 0.75), (0, -0.75)}


@pytest.mark.parametrize("race", ["terran", "protoss", "zerg"])
def test_nobody_starts_in_anothers_place_or_off_the_map(race):
    env = SmacSim(20, map_name=f"{race}_20_vs_23")
    env.reset(0)
    units, kinds = env.battle.units, env.battle.kinds
    for row in units:
        places = np.stack([row["x"], row["y"]], -1)
        assert places.min() >= 0
        assert places.max() < 32
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        layers, sizes = kinds[row["kind"]]["layer"], kinds[row["kind"]]["separation"]
        together = (layers[:, None] == layers[None]) & ~np.eye(len(row), dtype=bool)
        assert (apart >= sizes[:, None] + sizes[None] - 1e-3)[together].all()


def test_every_copy_and_episode_has_a_team_of_its_own():
    env = SmacSim(8, map_name="terran_5_vs_5")
    first = env.reset(0).obs.copy()
    assert len({row.tobytes() for row in names(env)}) > 3
    before = names(env)
    again = env.reset()
    assert (before != names(env)).any()
    assert (first != again.obs).any()


def test_a_copys_teams_follow_from_the_seed_and_the_copy_alone():
    many, few = (
        drawn(scenario("zerg", 10, 11), copies=6, seed=7),
        drawn(scenario("zerg", 10, 11), copies=2, seed=7),
    )
    for field in ("kind", "x", "y"):
        np.testing.assert_array_equal(many.battle.units[field][:2], few.battle.units[field])
    other = drawn(scenario("zerg", 10, 11), copies=2, seed=8)
    assert (other.battle.units["x"] != few.battle.units["x"]).any()


def test_enemies_go_after_the_nearest_ally_from_anywhere():
    env = drawn(configured(units=1, enemies=1, team=ONE_TYPE))
    assert set(env.battle.units["order"][0, 1:]) == {HUNT}
    before = env.battle.units["x"][0, 1]
    for _ in range(5):
        env.step(np.array([[1]]))
    # 5 env steps of 8 loops; the first look for a target is in the fourth, so 37 · 2.25 / 16 cells of the 16 between them.
    assert before - env.battle.units["x"][0, 1] == pytest.approx(37 * 2.25 / 16)
