"""Walking, obstacles, and units that keep each other at a distance."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from rllib_remix.envs.smac_sim.battles.layouts import ATTACK_MOVE, HUNT
from rllib_remix.envs.smac_sim.battles.terrain import terrain_of
from tests.envs.smac_sim.boards import Board, clear, disarm, put

# Speeds


@pytest.mark.parametrize(
    ("map_name", "name", "cells"),
    [
        ("3m", "marine", 1.125),  # 2.25 cells per second, half a second per env step
        ("MMM", "marauder", 1.125),
        ("MMM", "medivac", 1.375),  # 2.75 / 2
        ("2s3z", "stalker", 1.47655),  # 2.9531 / 2
        ("2s3z", "zealot", 1.125),
        ("1c3s5z", "colossus", 1.125),
        ("bane_vs_bane", "zergling", 1.47655),
        ("bane_vs_bane", "baneling", 1.25),
        ("6h_vs_8z", "hydralisk", 1.125),
    ],
)
def test_an_ally_that_moves_travels_as_far_per_env_step_as_in_the_game(map_name, name, cells):
    board = Board(map_name)
    unit = board.ally(name, 10.5, 14)
    board.move(unit, 20, 14)
    for step in (1, 2, 3):
        board.advance(8)
        assert board.place(unit) == pytest.approx((10.5 + step * cells, 14), abs=1e-4)


@pytest.mark.parametrize(
    ("map_name", "name", "cells"),
    [
        ("3m", "marine", 1.125),
        ("MMM", "marauder", 1.125),
        ("MMM", "medivac", 1.125),  # does not outrun the infantry, although it could: 2.5 / 2 = 1.25
        ("2s3z", "stalker", 1.47655),
        ("2s3z", "zealot", 1.125),
        ("1c3s5z", "colossus", 1.125),
        ("bane_vs_bane", "zergling", 1.47655),
        ("bane_vs_bane", "baneling", 1.25),
    ],
)
def test_an_enemy_on_the_march_travels_as_far_per_env_step_as_in_the_game(map_name, name, cells):
    board = Board(map_name)
    unit = board.enemy(name, 20.5, 14, order=ATTACK_MOVE, goal_x=9, goal_y=14)
    for step in (1, 2, 3):
        board.advance(8)
        assert board.place(unit) == pytest.approx((20.5 - step * cells, 14), abs=1e-4)


@given(st.floats(0, 2 * np.pi), st.floats(0.2, 6))
def test_a_unit_walks_straight_and_stops_at_its_goal(angle, length):
    board, unit = lasting("3s_vs_3z"), 0
    put(board.units, board.kinds, unit, 16, 16)
    x, y = 16 + length * np.cos(angle), 16 + length * np.sin(angle)
    board.move(unit, x, y)
    board.advance(int(length / 0.18456875))  # cells per loop
    half_way = board.place(unit)
    board.advance(2)
    assert board.place(unit) == pytest.approx((x, y), abs=1e-4)
    # On the straight line: the cross product with its direction is 0.
    cross = (half_way[0] - 16) * np.sin(angle) - (half_way[1] - 16) * np.cos(angle)
    assert abs(cross) < 1e-4
    board.advance(20)
    assert board.place(unit) == pytest.approx((x, y), abs=1e-4)


def test_a_move_order_outlasts_the_env_step():
    # SMAC's move reaches 2 cells, an env step of a marine 1.125: it walks on until the next order.
    board = Board("3m")
    marine = board.ally("marine", 10, 16)
    board.move(marine, 12, 16)
    board.advance(8)
    assert board.place(marine) == pytest.approx((11.125, 16))
    board.advance(8)
    assert board.place(marine) == pytest.approx((12, 16))


# Obstacles


def test_a_unit_slides_along_an_obstacle_in_its_way():
    # The band's ground ends at y = 8. 8 loops of 0.140625 on a diagonal: 1.125 / √2 = 0.795 along x.
    board = Board("3m")
    marine = board.ally("marine", 10, 8.01)
    board.move(marine, 20, -1.99)
    board.advance(8)
    x, y = board.place(marine)
    assert x == pytest.approx(10.795, abs=0.05)  # the less of it is along x the nearer it gets
    assert 8 <= y <= 8.0101


def test_a_unit_that_walks_right_at_an_obstacle_stands_before_it():
    board = Board("3m")
    marine = board.ally("marine", 10, 9)
    board.move(marine, 10, 5)
    board.advance(40)
    x, y = board.place(marine)
    assert x == 10
    assert 8 <= y < 8.15  # less than a loop's walk before it


@pytest.mark.parametrize(("x", "y"), [(40, 16), (-9, 16), (40, 40), (-9, -9)])
@pytest.mark.parametrize(
    ("map_name", "name"), [("3s_vs_3z", "stalker"), ("MMM", "medivac"), ("1c3s5z", "colossus")]
)
def test_nothing_leaves_the_map(map_name, name, x, y):
    board = Board(map_name)
    unit = board.ally(name, 16, 16)
    board.move(unit, x, y)
    board.advance(400)
    at_x, at_y = board.place(unit)
    assert 0 <= at_x < 32
    assert 0 <= at_y < 32
    assert at_x > 31.7 if x == 40 else at_x < 0.3


def test_medivacs_fly_over_ground_that_nobody_can_walk_on():
    board = Board("MMM")
    medivac = board.ally("medivac", 10, 9)
    board.move(medivac, 10, 2)
    board.advance(60)
    assert board.place(medivac) == pytest.approx((10, 2), abs=1e-4)


def test_a_colossus_crosses_the_cliff():
    board = Board("2c_vs_64zg")
    colossus = board.ally("colossus", 16, 15)
    board.move(colossus, 16, 10)
    board.advance(36)  # 5 cells of 0.140625 per loop: 35.6
    assert board.place(colossus) == pytest.approx((16, 10), abs=1e-4)


def test_zerglings_go_round_the_cliff_that_parts_them_from_a_colossus():
    board = Board("2c_vs_64zg")
    board.ally("colossus", 16, 15.5)
    zergling = board.enemy("zergling", 15, 10.5, order=HUNT)
    westernmost, loops = 16.0, 0
    while not board[zergling]["fired"] and loops < 400:
        board.advance(1)
        loops += 1
        x, y = board.place(zergling)
        westernmost = min(westernmost, x)
        assert not (4 <= x < 28 and 12 <= y < 14)
    assert westernmost < 4
    # To the corner at (4, 12), up to (4, 14), back to 1.475 before the colossus: 11.1 + 2 + 10.6 = 23.7 cells, which
    # take 128 loops; cells' centres round the corner and sliding cost a little more. Straight it would be 21 loops.
    assert 124 <= loops <= 165


@pytest.mark.parametrize(
    ("map_name", "name"),
    [
        ("corridor", "zergling"),
        ("so_many_baneling", "baneling"),
        ("2c_vs_64zg", "zergling"),
        ("bane_vs_bane", "zergling"),
        ("6h_vs_8z", "zealot"),
        ("2m_vs_1z", "zealot"),
    ],
)
def test_a_unit_finds_its_way_between_any_two_places(map_name, name):
    board = Board(map_name, copies=150)
    unit = board.enemy(name, 0, 0)
    rng = np.random.default_rng(1)
    walkable = terrain_of(map_name).walkable
    if map_name == "6h_vs_8z":  # its outside is cut off
        regions, _ = label(walkable)
        walkable = regions == regions[14, 14]
    cells = np.argwhere(walkable)
    start, goal = (cells[rng.integers(len(cells), size=150)] + rng.random((150, 2)) for _ in range(2))
    units = board.units[:, unit]
    units["x"], units["y"] = start.T
    put_on_the_march(units, goal)
    speed = float(board.kind(unit)["speed"])
    board.advance(int(60 / speed))  # the longest way, round the ravine and back, takes less than 60 cells
    distance = np.hypot(units["x"] - goal[:, 0], units["y"] - goal[:, 1])
    assert distance.max() <= 1.5


def put_on_the_march(units: np.ndarray, goals: np.ndarray) -> None:
    units["order"] = ATTACK_MOVE
    units["goal_x"], units["goal_y"] = goals.T


def test_the_zerglings_of_the_corridor_reach_its_far_end_without_delay():
    board = Board("corridor")
    goal = np.array([[4.47, 4.33]])
    numbers = [board.enemy("zergling", 22 + i % 5, 21 + i // 5) for i in range(24)]
    put_on_the_march(board.units[0, numbers], goal)
    board.units["order"][0, numbers] = ATTACK_MOVE
    board.units["goal_x"][0, numbers], board.units["goal_y"][0, numbers] = goal[0]
    # The farthest starts at (25, 25): 29.2 cells as the crow flies, 158 loops; the choke delays the last of them.
    board.advance(300)
    distance = np.hypot(board.units["x"][0, numbers] - 4.47, board.units["y"][0, numbers] - 4.33)
    assert (distance < 4).all()


# Distance between units


def overlaps(board: Board, numbers: list[int]) -> np.ndarray:
    """[K, K] how deep the units' circles overlap in the first copy; 0 of a unit with itself."""
    units = board.units[0, numbers]
    separation = board.kinds["separation"][units["kind"]]
    distance = np.hypot(units["x"][:, None] - units["x"], units["y"][:, None] - units["y"])
    overlap = np.maximum(0, separation[:, None] + separation - distance)
    np.fill_diagonal(overlap, 0)
    return overlap


@cache
def lasting(map_name: str) -> Board:
    """A board for many examples, as to make one takes long."""
    return Board(map_name)


@given(st.lists(st.tuples(st.floats(10, 14), st.floats(22, 25.9)), min_size=2, max_size=20))
@settings(max_examples=30)
def test_a_crowd_settles_without_overlaps_and_on_open_ground(places):
    board = lasting("bane_vs_bane")
    clear(board.units)
    numbers = list(range(4, 4 + len(places)))  # zerglings
    for number, (x, y) in zip(numbers, places, strict=True):
        put(board.units, board.kinds, number, x, y)
    board.advance(200)
    x, y = board.units["x"][0, numbers], board.units["y"][0, numbers]
    assert terrain_of("bane_vs_bane").walkable[x.astype(int), y.astype(int)].all()
    assert overlaps(board, numbers).max(initial=0) < 0.05


def test_two_units_that_overlap_give_way_by_half_of_the_overlap_per_loop():
    # Marines want 0.75 cells; at 0.35 they lack 0.4, of which a loop undoes the half: 0.1 for each.
    board = Board("3m")
    one, other = board.ally("marine", 10, 16), board.ally("marine", 10.35, 16)
    board.advance(1)
    assert board.place(one) == pytest.approx((9.9, 16))
    assert board.place(other) == pytest.approx((10.45, 16))
    board.advance(1)  # now 0.2 are missing
    assert board.place(one) == pytest.approx((9.85, 16))


def test_a_push_is_at_most_a_quarter_of_a_cell_per_loop():
    # Marines upon each other lack 0.75; half of it would be 0.375.
    board = Board("3m")
    one, other = board.ally("marine", 10, 16), board.ally("marine", 10, 16)
    board.advance(1)
    assert board.place(one) == pytest.approx((9.875, 16))
    assert board.place(other) == pytest.approx((10.125, 16))


def test_units_that_do_not_overlap_are_left_alone():
    board = Board("3m")
    one, other = board.ally("marine", 10, 16), board.ally("marine", 10.751, 16)
    board.advance(10)
    assert board.place(one) == (10, 16)
    assert board.place(other) == pytest.approx((10.751, 16))


def test_the_dead_are_in_nobodys_way():
    board = Board("3m")
    one, other = board.ally("marine", 10, 16), board.ally("marine", 10.1, 16, health=0)
    board.advance(10)
    assert board.place(one) == (10, 16)
    assert board.place(other) == pytest.approx((10.1, 16))


def test_a_unit_that_attacks_holds_its_ground_and_others_give_way():
    board = Board("3m", peaceful=True)
    shooter, other = board.ally("marine", 10, 16), board.ally("marine", 10.35, 16)
    enemy = board.enemy("marine", 14, 16)
    board.attack(shooter, enemy)
    board.advance(1)
    # The other gives way by half of the 0.4 that are missing.
    assert board.place(shooter) == (10, 16)
    assert board.place(other) == pytest.approx((10.55, 16))


def test_buildings_do_not_move():
    board = Board("2s_vs_1sc", peaceful=True)
    crawler = board.enemy("spine_crawler", 14, 18)
    stalker = board.ally("stalker", 14, 17)
    board.move(stalker, 14, 19)
    board.advance(60)
    assert board.place(crawler) == (14, 18)
    assert board.distance(crawler, stalker) > 1.5  # 0.625 + 1.125 = 1.75, less a loop's walk of 0.185


@pytest.mark.parametrize(
    ("map_name", "one", "other", "apart"),
    [
        ("1c3s5z", "colossus", "zealot", False),
        ("1c3s5z", "stalker", "zealot", True),
        ("MMM", "medivac", "marine", False),
        ("MMM", "marauder", "marine", True),
        ("2c_vs_64zg", "colossus", "colossus", True),
    ],
)
def test_units_keep_a_distance_within_their_layer_only(map_name, one, other, apart):
    board = Board(map_name)
    a, b = board.ally(one, 14, 15), board.ally(other, 14.3, 15)
    board.advance(40)
    if apart:
        wanted = float(board.kind(a)["separation"] + board.kind(b)["separation"])
        assert board.distance(a, b) == pytest.approx(wanted, abs=0.02)
    else:
        assert (board.place(a), board.place(b)) == ((14, 15), pytest.approx((14.3, 15)))


def test_medivacs_of_both_sides_keep_a_distance():
    board = Board("MMM")
    a, b = board.ally("medivac", 14, 15), board.enemy("medivac", 14.3, 15)
    board.advance(60)
    assert board.distance(a, b) == pytest.approx(1.5, abs=0.02)


def test_two_units_that_meet_on_their_way_get_past_each_other():
    board = Board("3m")
    one, other = board.ally("marine", 10, 16), board.ally("marine", 14, 16.05)
    board.move(one, 16, 16)
    board.move(other, 8, 16.05)
    board.advance(60)  # 6 cells of 0.140625 per loop take 43
    assert board.place(one) == pytest.approx((16, 16), abs=0.01)
    assert board.place(other) == pytest.approx((8, 16.05), abs=0.01)


def test_a_crowd_that_presses_against_a_cliff_does_not_push_anyone_over_it():
    board = Board("25m")
    numbers = [board.ally("marine", 5 + 0.1 * i, 8.05 + 0.1 * (i % 3)) for i in range(25)]
    for number in numbers:
        board.move(number, 6, 0)
    for _ in range(10):
        board.advance(10)
        assert (board.units["y"][0, numbers] >= 8).all()
    for number in numbers:
        board.battle.stop(0, number)
    board.advance(100)
    assert (board.units["y"][0, numbers] >= 8).all()
    assert overlaps(board, numbers).max() < 0.05


def test_what_stands_where_it_may_not_can_walk_out():
    # Nothing in a battle brings a unit there; but it would not be stuck for ever.
    board = Board("corridor")
    put(board.units, board.kinds, 0, 13.5, 13.5)
    disarm(board.kinds, slice(None))
    board.move(0, 13.5, 12.5)
    board.advance(20)
    assert board.place(0) == pytest.approx((13.5, 12.5))
