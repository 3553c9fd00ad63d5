"""Shots and what they do, on boards laid by hand. Enemies without weapons serve as targets."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.envs.smac_sim.boards import Board, clear, put

# Ranges


@pytest.mark.parametrize(
    ("map_name", "attacker", "target", "reach"),
    [
        # range + radius + the target's radius
        ("2m_vs_1z", "marine", "zealot", 5.875),  # 5 + 0.375 + 0.5
        ("MMM", "marauder", "marine", 6.9375),  # 6 + 0.5625 + 0.375
        ("MMM", "marine", "medivac", 6.125),  # 5 + 0.375 + 0.75
        ("3s_vs_3z", "stalker", "zealot", 7.125),  # 6 + 0.625 + 0.5
        ("2s_vs_1sc", "stalker", "spine_crawler", 7.75),  # 6 + 0.625 + 1.125
        ("corridor", "zealot", "zergling", 0.975),  # 0.1 + 0.5 + 0.375
        ("6h_vs_8z", "hydralisk", "zealot", 6.125),  # 5 + 0.625 + 0.5
        ("2c_vs_64zg", "colossus", "zergling", 8.375),  # 7 + 1 + 0.375
        ("bane_vs_bane", "zergling", "zergling", 0.85),  # 0.1 + 2 · 0.375
        ("bane_vs_bane", "baneling", "zergling", 1.0),  # 0.25 + 2 · 0.375
    ],
)
@pytest.mark.parametrize("angle", [0.0, 2.0])
def test_a_unit_shoots_from_edge_to_edge_within_its_range_and_else_comes_nearer(
    map_name, attacker, target, reach, angle
):
    x, y = 14, 15.5
    for distance, in_range in ((reach - 0.002, True), (reach + 0.002, False)):
        board = Board(map_name, peaceful=True)
        unit = board.ally(attacker, x, y)
        enemy = board.enemy(target, x + distance * np.cos(angle), y + distance * np.sin(angle))
        board.attack(unit, enemy)
        board.advance(1)
        assert bool(board[unit]["fired"]) == in_range
        moved = np.hypot(board[unit]["x"] - x, board[unit]["y"] - y) > 1e-4
        assert moved == (not in_range)


def test_a_unit_that_comes_nearer_shoots_as_soon_as_it_is_in_range():
    # 6.875 cells away, reach 5.875: 1 cell of 0.140625 per loop takes 7.1 loops, and the shot falls in the next.
    board = Board("2m_vs_1z", peaceful=True)
    marine, zealot = board.ally("marine", 10, 15), board.enemy("zealot", 16.875, 15)
    board.attack(marine, zealot)
    assert board.shots(marine, 12) == [9]
    assert 5.8 < board.distance(marine, zealot) <= 5.875


# Damage


def damage_of_one_shot(board: Board, attacker: int, target: int) -> tuple[float, float]:
    """Health and shield that the target loses by the first shot."""
    health, shield = float(board[target]["health"]), float(board[target]["shield"])
    loops = 0
    while (board[target]["health"], board[target]["shield"]) == (health, shield):
        board.advance(1)
        loops += 1
        assert loops < 10
    return health - float(board[target]["health"]), shield - float(board[target]["shield"])


@pytest.mark.parametrize(
    ("map_name", "attacker", "target", "damage"),
    [
        # hits · (damage + bonus − armour)
        ("3m", "marine", "marine", 6),
        ("2m_vs_1z", "marine", "zealot", 5),  # 6 − 1
        ("MMM", "marine", "medivac", 5),  # 6 − 1
        ("MMM", "marauder", "marine", 10),
        ("MMM", "marauder", "marauder", 19),  # 10 + 10 − 1
        ("3s_vs_3z", "stalker", "zealot", 12),  # 13 − 1
        ("2s3z", "stalker", "stalker", 17),  # 13 + 5 − 1
        ("2s_vs_1sc", "stalker", "spine_crawler", 16),  # 13 + 5 − 2
        ("1c3s5z", "stalker", "colossus", 17),  # 13 + 5 − 1
        ("corridor", "zealot", "zergling", 16),  # 2 · 8
        ("2s3z", "zealot", "stalker", 14),  # 2 · (8 − 1)
        ("1c3s5z", "zealot", "colossus", 14),
        ("6h_vs_8z", "hydralisk", "zealot", 11),  # 12 − 1
        ("2c_vs_64zg", "colossus", "zergling", 30),  # 2 · (10 + 5)
        ("1c3s5z", "colossus", "zealot", 28),  # 2 · (10 + 5 − 1)
        ("1c3s5z", "colossus", "stalker", 18),  # 2 · (10 − 1)
        ("bane_vs_bane", "zergling", "baneling", 5),
        ("bane_vs_bane", "baneling", "baneling", 20),  # neither light nor armoured
    ],
)
def test_a_shot_at_unshielded_health_is_lessened_by_armour_hit_by_hit(map_name, attacker, target, damage):
    board = Board(map_name, peaceful=True)
    unit, enemy = board.ally(attacker, 14, 15.5), board.enemy(target, 14, 15.5, shield=0)
    board.units["x"][0, enemy] += board.kind(unit)["radius"] + board.kind(enemy)["radius"] + 0.05
    board.attack(unit, enemy)
    assert damage_of_one_shot(board, unit, enemy) == pytest.approx((damage, 0), abs=1e-5)


def test_a_baneling_kills_a_zergling():
    # 20 + 15 against light is all of its 35.
    board = Board("bane_vs_bane", peaceful=True)
    baneling, zergling = board.ally("baneling", 14, 15), board.enemy("zergling", 14.9, 15)
    board.attack(baneling, zergling)
    board.advance(1)
    assert (board[baneling]["health"], board[zergling]["health"]) == (0, 0)


@pytest.mark.parametrize(
    ("map_name", "attacker", "target", "lost"),
    [
        ("2m_vs_1z", "marine", "zealot", 6),
        ("3s_vs_3z", "stalker", "zealot", 13),
        ("2s3z", "stalker", "stalker", 18),
        ("2s3z", "zealot", "stalker", 16),
        ("1c3s5z", "colossus", "zealot", 30),
        ("6h_vs_8z", "hydralisk", "zealot", 12),
    ],
)
def test_armour_does_not_protect_shields(map_name, attacker, target, lost):
    board = Board(map_name, peaceful=True)
    unit, enemy = board.ally(attacker, 14, 14), board.enemy(target, 15.2, 14)
    board.attack(unit, enemy)
    assert damage_of_one_shot(board, unit, enemy) == (0, lost)


@pytest.mark.parametrize(
    ("attacker", "target", "shield", "health_lost"),
    [
        ("stalker", "zealot", 11, 1),  # 13 − 11 = 2 come through, less armour 1
        ("stalker", "zealot", 13, 0),  # nothing comes through
        (
            "stalker",
            "zealot",
            12.8,
            0.2,
        ),  # 0.2 come through: armour leaves a hit 0.5, but no more than it had
        ("zealot", "zealot", 5, 9),  # the first hit: 8 − 5 − 1 = 2, the second 8 − 1 = 7
        ("zealot", "zealot", 8, 7),  # the first empties the shield, the second does 7
        ("zealot", "zealot", 12, 3),  # the first leaves 4 of the shield, the second 8 − 4 − 1
        ("stalker", "stalker", 1, 16),  # 13 + 5 − 1 − 1
    ],
)
def test_what_the_shield_does_not_take_hits_the_health(attacker, target, shield, health_lost):
    board = Board("2s3z", peaceful=True)
    unit, enemy = board.ally(attacker, 14, 14), board.enemy(target, 15.05, 14, shield=shield)
    board.attack(unit, enemy)
    lost, _ = damage_of_one_shot(board, unit, enemy)
    assert lost == pytest.approx(health_lost, abs=1e-5)
    assert board[enemy]["shield"] == 0


@pytest.mark.parametrize(
    ("map_name", "attacker", "damage"), [("2m_vs_1z", "marine", 0.5), ("2s3z", "zealot", 1)]
)
def test_no_armour_lets_a_hit_do_less_than_a_half(map_name, attacker, damage):
    board = Board(map_name, peaceful=True)
    unit, enemy = board.ally(attacker, 14, 14), board.enemy("zealot", 15, 14, shield=0)
    board.kinds["armour"] = 100
    board.attack(unit, enemy)
    assert damage_of_one_shot(board, unit, enemy) == (damage, 0)


def test_health_never_falls_below_zero_and_the_dead_are_not_hit_again():
    board = Board("3m", peaceful=True)
    enemy = board.enemy("marine", 12, 16, health=1)
    marines = [board.ally("marine", 10, 15.2 + 0.8 * i) for i in range(3)]
    for marine in marines:
        board.attack(marine, enemy)
    board.advance(1)
    assert board[enemy]["health"] == 0
    assert sum(bool(board[marine]["fired"]) for marine in marines) == 1  # their bullets take no time


# Cooldowns


def test_a_shots_delay_is_one_of_four_equally_likely_ones():
    board = Board("3m", copies=4000, peaceful=True)
    marine, enemy = board.ally("marine", 10, 16), board.enemy("marine", 12, 16)
    board.attack(marine, enemy)
    board.advance(1)
    delays, counts = np.unique(np.round(board.units["cooldown"][:, marine] - 13.776, 3), return_counts=True)
    assert delays.tolist() == [-1, 0, 1, 2]
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(
    ("map_name", "attacker", "target", "cooldown"),
    [
        ("3m", "marine", "marine", 13.776),
        ("bane_vs_bane", "zergling", "zergling", 11.136),
        ("3s_vs_3z", "stalker", "zealot", 29.92),
        ("2s3z", "zealot", "zealot", 19.2),
        ("6h_vs_8z", "hydralisk", "zealot", 13.2),
        ("1c3s5z", "colossus", "stalker", 24),
    ],
)
def test_fractions_of_loops_are_carried_from_shot_to_shot(map_name, attacker, target, cooldown):
    # Chance adds (−1 + 0 + 1 + 2)/4 = 0.5 loops on average. 21 shots in 60 copies are 1200 intervals of a standard
    # deviation of 1.12 loops: the mean is known to 0.03. Without carrying it would be 0.3 higher for the marine.
    board = Board(map_name, copies=60, peaceful=True)
    unit, enemy = board.ally(attacker, 14, 14), board.enemy(target, 14, 14)
    board.kinds["health"] = board.units["health"][:, enemy] = 1e6
    apart = float(board.kind(unit)["radius"] + board.kind(enemy)["radius"])
    board.units["x"][:, enemy] = 14 + apart
    board.attack(unit, enemy)
    shots = np.zeros(60, int)
    last = np.zeros(60)
    for loop in range(int(21 * (cooldown + 2))):
        board.advance(1)
        fired = board.units["fired"][:, unit] & (shots < 21)
        shots += fired
        last[fired] = loop
    assert (shots == 21).all()
    assert np.mean(last / 20) == pytest.approx(cooldown + 0.5, abs=0.12)


def test_a_weapon_that_waits_saves_nothing_up():
    board = Board("3m", copies=100, peaceful=True)
    marine, enemy = board.ally("marine", 10, 16, cooldown=0.3), board.enemy("marine", 12, 16)
    board.advance(1)
    np.testing.assert_allclose(board.units["cooldown"][:, marine], -0.7, atol=1e-6)
    board.advance(1)
    assert (board.units["cooldown"][:, marine] == 0).all()
    board.advance(50)
    board.attack(marine, enemy)
    board.advance(1)
    assert board.units["cooldown"][:, marine].min() == pytest.approx(12.776, abs=1e-5)


def test_a_weapon_cools_down_whatever_its_unit_does():
    board = Board("3m", peaceful=True)
    marine = board.ally("marine", 10, 16, cooldown=10)
    board.move(marine, 12, 16)
    board.advance(4)
    assert board[marine]["cooldown"] == 6


# Missiles


def test_a_missile_takes_its_time():
    # 5.8125 − 0.625 − 0.5 = 4.6875 cells from edge to edge, 18.75/16 = 1.171875 cells per loop: 4 loops.
    board = Board("3s_vs_3z", peaceful=True)
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 15.8125, 16)
    board.attack(stalker, zealot)
    board.advance(1)
    assert board[stalker]["fired"]
    shields = []
    for _ in range(5):
        shields.append(float(board[zealot]["shield"]))
        board.advance(1)
    assert shields == [50, 50, 50, 50, 37]


def test_even_at_close_quarters_a_missile_takes_a_loop():
    board = Board("3s_vs_3z", peaceful=True)
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 11.1, 16)
    board.attack(stalker, zealot)
    board.advance(1)
    assert (bool(board[stalker]["fired"]), float(board[zealot]["shield"])) == (True, 50)
    board.advance(1)
    assert board[zealot]["shield"] == 37


def test_missiles_at_a_target_that_dies_before_they_arrive_are_lost():
    board = Board("3s_vs_3z", peaceful=True)
    stalkers = [board.ally("stalker", 10, 15 + i) for i in range(3)]
    doomed = board.enemy("zealot", 15, 16, health=5, shield=0)
    beside = board.enemy("zealot", 15, 16.9)
    for stalker in stalkers:
        board.attack(stalker, doomed)
    board.advance(1)
    assert all(board[stalker]["fired"] for stalker in stalkers)
    board.advance(9)
    assert board[doomed]["health"] == 0
    assert (board[beside]["health"], board[beside]["shield"]) == (100, 50)
    assert all(board[stalker]["missile"] == 0 for stalker in stalkers)
    assert all(board[stalker]["cooldown"] > 15 for stalker in stalkers)  # shot in vain


def test_a_missile_arrives_although_its_shooter_died():
    board = Board("3s_vs_3z", peaceful=True)
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 15, 16)
    board.attack(stalker, zealot)
    board.advance(1)
    board.units["health"][0, stalker] = 0
    board.advance(8)
    assert board[zealot]["shield"] == 37


def test_a_missile_follows_a_target_that_leaves_the_range():
    board = Board("3s_vs_3z", peaceful=True)
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 17, 16)
    board.attack(stalker, zealot)
    board.advance(1)
    board.units["x"][0, zealot] = 25
    board.advance(8)
    assert board[zealot]["shield"] == 37


@pytest.mark.parametrize(
    ("map_name", "attacker", "target"),
    [("3m", "marine", "marine"), ("corridor", "zealot", "zergling"), ("2c_vs_64zg", "colossus", "zergling")],
)
def test_other_shots_arrive_at_once(map_name, attacker, target):
    board = Board(map_name, peaceful=True)
    unit, enemy = board.ally(attacker, 20, 18.5), board.enemy(target, 20.9, 18.5)
    before = float(board[enemy]["health"])
    board.attack(unit, enemy)
    board.advance(1)
    assert board[enemy]["health"] < before


# The beam of the colossus


@pytest.mark.parametrize(
    ("along", "across", "touched"),
    [
        # Half of the beam is 1.4 wide and 0.15 deep; a zergling's radius is 0.375.
        (0, 1.77, True),  # 1.77 − 1.4 = 0.37
        (0, 1.78, False),
        (0, -1.77, True),
        (0.52, 0, True),  # 0.52 − 0.15 = 0.37
        (0.53, 0, False),
        (-0.52, 1.0, True),
        (0.42, 1.66, True),  # the corner: √(0.27² + 0.26²) = 0.3748
        (0.42, 1.67, False),  # √(0.27² + 0.27²) = 0.3818
        (-1.5, 0, False),  # in the line of fire, but before the beam
    ],
)
@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.0, 1.0), (0.6, 0.8)])
def test_the_beam_touches_what_lies_across_the_line_of_fire_at_the_target(along, across, touched, direction):
    dx, dy = direction
    board = lasting("1c3s5z")
    clear(board.units)
    colossus, target, other = 0, 13, 14  # zealots
    put(board.units, board.kinds, colossus, 14, 13)
    x, y = 14 + 6 * dx, 13 + 6 * dy
    put(board.units, board.kinds, target, x, y)
    put(board.units, board.kinds, other, x + along * dx - across * dy, y + along * dy + across * dx)
    board.kinds["radius"][-1] = 0.375  # of the enemy's zealots, as if they were zerglings
    board.attack(colossus, target)
    board.advance(1)
    assert board[target]["shield"] == 20
    assert board[other]["shield"] == (20 if touched else 50)


@cache
def lasting(map_name: str) -> Board:
    """A board for many examples, as to make one takes long."""
    return Board(map_name, peaceful=True)


@given(
    angle=st.floats(0, 2 * np.pi),
    places=st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=40),
)
def test_the_beam_hits_exactly_the_zerglings_within_their_radius_of_it(angle, places):
    board = lasting("2c_vs_64zg")
    clear(board.units)
    centre = np.array([16, 11])
    forward = np.array([np.cos(angle), np.sin(angle)])
    colossus_at = centre - 5 * forward
    put(board.units, board.kinds, 0, *colossus_at)
    put(board.units, board.kinds, 2, *centre)
    for number, place in enumerate(places, 3):
        put(board.units, board.kinds, number, *(centre + place))
    board.attack(0, 2)
    board.advance(1)
    # The distance of a point from a rectangle, in the frame in which its sides are the axes.
    to_frame = np.array([forward, [-forward[1], forward[0]]])
    for number, place in enumerate(places, 3):
        beyond = np.maximum(np.abs(to_frame @ place) - [0.15, 1.4], 0)
        gap = np.hypot(*beyond) - 0.375
        if abs(gap) > 1e-4:
            assert board[number]["health"] == (5 if gap < 0 else 35)


def test_the_beam_spares_friends():
    board = Board("1c3s5z", peaceful=True)
    colossus, friend = board.ally("colossus", 10, 16), board.ally("zealot", 16, 16.8)
    target = board.enemy("zealot", 16, 16)
    board.attack(colossus, target)
    board.advance(1)
    assert board[target]["shield"] == 20
    assert (board[friend]["health"], board[friend]["shield"]) == (100, 50)


def test_the_beam_of_an_enemy_hits_several_allies():
    board = Board("1c3s5z")
    allies = [board.ally("zealot", 12, 15 + i) for i in range(3)]
    board.enemy("colossus", 17, 16, target=allies[1])
    board.advance(1)
    assert [float(board[ally]["shield"]) for ally in allies] == [20, 20, 20]


def test_a_colossus_upon_its_target_has_a_beam_as_well():
    board = Board("2c_vs_64zg", peaceful=True)
    colossus, zergling = board.ally("colossus", 16, 16), board.enemy("zergling", 16, 16)
    board.attack(colossus, zergling)
    board.advance(1)
    assert board[zergling]["health"] == 5


# Explosions


@pytest.mark.parametrize(("distance", "reached"), [(2.57, True), (2.58, False)])
def test_an_explosion_reaches_whom_it_touches(distance, reached):
    # Radius 2.2 and the zergling's 0.375.
    board = Board("bane_vs_bane", peaceful=True)
    baneling, target = board.ally("baneling", 14, 15), board.enemy("zergling", 14.9, 15)
    other = board.enemy("zergling", 14, 15 + distance)
    board.attack(baneling, target)
    board.advance(1)
    assert board[other]["health"] == (0 if reached else 35)


def test_an_explosion_spares_friends_and_kills_the_baneling():
    board = Board("bane_vs_bane", peaceful=True)
    baneling, friend = board.ally("baneling", 14, 15), board.ally("zergling", 14, 16)
    target = board.enemy("zergling", 14.9, 15)
    board.attack(baneling, target)
    board.advance(1)
    assert board[friend]["health"] == 35
    assert (board[baneling]["health"], board[target]["health"]) == (0, 0)


def test_a_baneling_that_is_killed_explodes_too():
    # The zealot's 2 · 8 kill it at 16 hp; 20 + 15 against light leave 15 of the shield's 50.
    board = Board("so_many_baneling")
    zealot = board.ally("zealot", 12, 12)
    far = board.ally("zealot", 12, 14.8)
    baneling = board.enemy("baneling", 12.9, 12, health=16, cooldown=1000)
    board.attack(zealot, baneling)
    board.kinds["range"][1] = -10  # It does not reach anyone itself.
    board.advance(1)
    assert board[baneling]["health"] == 0
    assert board[zealot]["shield"] == 15
    assert board[far]["shield"] == 50  # 2.946 away; 2.2 and its radius of 0.5 are 2.7


def test_a_baneling_explodes_once():
    board = Board("bane_vs_bane", peaceful=True)
    baneling = board.ally("baneling", 14, 15)
    targets = [board.enemy("baneling", 14.9, 15), board.enemy("baneling", 14, 15.9)]
    board.attack(baneling, targets[0])
    board.advance(30)
    for target in targets:
        assert board[target]["health"] == 10  # 30 − 20


def test_explosions_set_each_other_off_within_a_loop():
    # Allies' and enemies' banelings take turns along a line, 2.5 apart: each reaches only its neighbours.
    board = Board("bane_vs_bane")
    board.kinds["range"] = -10  # Nobody attacks.
    allies = [board.ally("baneling", 8 + 5 * i, 16, health=20) for i in range(3)]
    enemies = [board.enemy("baneling", 10.5 + 5 * i, 16, health=20) for i in range(3)]
    bystander = board.ally("zergling", 8, 18)
    board.units["health"][0, allies[0]] = 0
    board.advance(1)
    assert [float(board[i]["health"]) for i in (*allies, *enemies)] == [0] * 6
    assert board[bystander]["health"] == 35  # a friend of the first; 3.2 from the nearest enemy


def test_a_chain_ends_where_the_next_baneling_is_out_of_reach():
    board = Board("bane_vs_bane")
    board.kinds["range"] = -10
    first = board.ally("baneling", 8, 16, health=0)
    near, far = (board.enemy("baneling", x, 16, health=20) for x in (10.5, 15.5))
    board.advance(1)
    assert (board[first]["exploded"], board[near]["health"], board[near]["exploded"]) == (True, 0, True)
    assert board[far]["health"] == 20


# Healing


def test_a_medivac_heals_9_hp_per_second_for_3_energy():
    # 16 loops: 20 + 9 = 29 hp; 50 − 3 + 0.5625 recharged = 47.5625 energy.
    board = Board("MMM")
    medivac, marine = board.ally("medivac", 10, 16), board.ally("marine", 12, 16, health=20)
    board.battle.heal(0, medivac, marine)
    board.advance(16)
    assert board[marine]["health"] == pytest.approx(29, abs=1e-4)
    assert board[medivac]["energy"] == pytest.approx(47.5625, abs=1e-4)


def test_healing_ends_at_full_health_and_costs_nothing_then():
    board = Board("MMM")
    medivac, marine = board.ally("medivac", 10, 16), board.ally("marine", 12, 16, health=44.8)
    board.battle.heal(0, medivac, marine)
    board.advance(1)
    assert board[marine]["health"] == 45
    # 50 + 0.03515625 − 0.2/3
    assert board[medivac]["energy"] == pytest.approx(49.968, abs=1e-3)
    board.advance(10)
    assert board[medivac]["energy"] == pytest.approx(49.968 + 0.3516, abs=1e-3)
    assert board[marine]["health"] == 45


def test_a_medivac_without_energy_heals_what_it_recharges():
    # 0.03515625 energy per loop, 3 hp for each: 0.105 hp per loop.
    board = Board("MMM")
    medivac, marine = board.ally("medivac", 10, 16, energy=0), board.ally("marine", 12, 16, health=20)
    board.battle.heal(0, medivac, marine)
    board.advance(16)
    assert board[marine]["health"] == pytest.approx(20 + 16 * 0.10546875, abs=1e-3)
    assert board[medivac]["energy"] == pytest.approx(0, abs=1e-5)


def test_energy_recharges_up_to_200():
    # 0.5625 per 16 loops
    board = Board("MMM")
    full, used = board.ally("medivac", 10, 16, energy=199.9), board.enemy("medivac", 20, 16)
    board.advance(16)
    assert board[full]["energy"] == 200
    assert board[used]["energy"] == pytest.approx(50.5625)


@pytest.mark.parametrize(("distance", "in_range"), [(5.12, True), (5.13, False)])
def test_healing_reaches_4_cells_from_edge_to_edge(distance, in_range):
    # 4 + 0.75 + 0.375 = 5.125
    board = Board("MMM")
    medivac, marine = board.ally("medivac", 10, 16), board.ally("marine", 10 + distance, 16, health=20)
    board.battle.heal(0, medivac, marine)
    board.advance(1)
    assert (board[marine]["health"] > 20) == in_range
    assert (board[medivac]["x"] == 10) == in_range
    board.advance(10)
    assert board[marine]["health"] > 20


@pytest.mark.parametrize(("name", "heals"), [("marine", True), ("marauder", True), ("medivac", False)])
def test_only_biological_units_are_healed(name, heals):
    board = Board("MMM2")
    healer = board.enemy("medivac", 10, 16)
    patient = board.enemy(name, 11, 16, health=20) if name != "medivac" else healer
    board.units["health"][0, patient] = 20
    board.advance(20)
    assert (board[patient]["health"] > 20) == heals


# Recovery


def test_shields_recharge_from_the_160th_loop_after_the_last_hit_on():
    # The shot falls in loop 1: until loop 160 nothing, from 161 on 0.125 per loop, 1 per env step.
    board = Board("2m_vs_1z", peaceful=True)
    marine, zealot = board.ally("marine", 12, 14), board.enemy("zealot", 15, 14)
    board.attack(marine, zealot)
    board.advance(1)
    board.battle.stop(0, marine)
    board.advance(159)
    assert board[zealot]["shield"] == 44
    board.advance(1)
    assert board[zealot]["shield"] == 44.125
    board.advance(8)
    assert board[zealot]["shield"] == 45.125
    board.advance(100)
    assert board[zealot]["shield"] == 50


def test_every_hit_starts_the_wait_anew():
    board = Board("2m_vs_1z", peaceful=True)
    marine, zealot = board.ally("marine", 12, 14), board.enemy("zealot", 15, 14)
    board.attack(marine, zealot)
    board.advance(1)
    board.battle.stop(0, marine)
    board.advance(150)
    board.attack(marine, zealot)
    board.advance(1)
    board.battle.stop(0, marine)
    board.advance(159)
    assert board[zealot]["shield"] == 38
    board.advance(1)
    assert board[zealot]["shield"] == 38.125


@pytest.mark.parametrize(
    ("map_name", "name", "side", "regenerates"),
    [
        ("bane_vs_bane", "zergling", "ally", True),
        ("bane_vs_bane", "baneling", "enemy", True),
        ("6h_vs_8z", "hydralisk", "ally", True),
        ("2s_vs_1sc", "spine_crawler", "enemy", True),
        ("3m", "marine", "ally", False),
        ("2s3z", "zealot", "enemy", False),
        ("1c3s5z", "colossus", "ally", False),
    ],
)
def test_zerg_regenerate_from_the_start_and_nobody_else(map_name, name, side, regenerates):
    # 80 loops = 5 s at 0.2734 hp per second
    board = Board(map_name, regeneration=True)
    unit = getattr(board, side)(name, 14, 15, health=10, last_hit=0)
    board.advance(80)
    assert board[unit]["health"] == pytest.approx(11.367 if regenerates else 10, abs=1e-3)


def test_recovery_ends_at_full_health_and_shields():
    board = Board("6h_vs_8z", peaceful=True, regeneration=True)
    hydralisk = board.ally("hydralisk", 14, 10, health=79.99)
    zealot = board.enemy("zealot", 14, 18.5, shield=49.95, last_hit=-160)
    board.advance(2)
    assert board[hydralisk]["health"] == 80
    assert board[zealot]["shield"] == 50


def test_the_dead_do_not_recover():
    board = Board("bane_vs_bane", regeneration=True)
    zergling = board.ally("zergling", 14, 15, health=0)
    board.advance(100)
    assert board[zergling]["health"] == 0
