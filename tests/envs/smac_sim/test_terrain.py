"""The ground of the maps against pictures of SMAC's map files, and the ways around its obstacles."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from rllib_remix.envs.smac.maps import MAPS, smac_map
from rllib_remix.envs.smac_sim.battles.layouts import layout_of
from rllib_remix.envs.smac_sim.battles.terrain import CLIFF, STRAIGHT, WALKABLE, terrain_of

# North up; every character is a block of 2 x 2 cells, as all cliffs are.
RAVINE = """
................
................
................
................
................
................
....########....
.##############.
################
##............##
################
.##############.
..############..
................
................
................
"""
OCTAGON = """
................
................
................
.....######.....
....########....
...##########...
...##########...
...##########...
...##########...
...##########...
...##########...
....########....
.....######.....
................
................
................
"""
PENTAGON = """
################
################
################
#####....#######
####..##..######
###..####..#####
###.######.#####
###.######.#####
###.######.#####
###.######.#####
###.######.#####
###.######.#####
###........#####
################
################
################
"""
ARENA = """
################
################
################
################
################
####.......#####
###..#####..####
###.#######.####
###.#######.####
###.#######.####
###.#######.####
###..#####..####
####.......#####
################
################
################
"""
CORRIDOR = """
................
..........#####.
.........######.
........#######.
.......########.
......#########.
......#########.
.......#######..
.......######...
......#.........
.#####..........
.#####..........
.#####..........
.#####..........
.#####..........
................
"""
DIAGONAL = """
................
...........####.
..........#####.
..........#####.
........#######.
.......######...
.......######...
.....#####......
....######......
....######......
..######........
..######........
.#####..........
.#####..........
.###............
................
"""
OPEN = "\n".join(16 * ["#" * 16])
BAND = "\n".join(4 * ["." * 16] + 8 * ["#" * 16] + 4 * ["." * 16])
PICTURES = {
    "3s_vs_3z": OPEN,
    "3s_vs_4z": OPEN,
    "3s_vs_5z": OPEN,
    "2m_vs_1z": OCTAGON,
    "bane_vs_bane": OCTAGON,
    "2c_vs_64zg": RAVINE,
    "2s_vs_1sc": PENTAGON,
    "6h_vs_8z": ARENA,
    "corridor": CORRIDOR,
    "so_many_baneling": DIAGONAL,
}
# One map per ground that has obstacles.
OBSTACLES = ("2m_vs_1z", "2c_vs_64zg", "2s_vs_1sc", "6h_vs_8z", "corridor", "so_many_baneling")
CHOKE_CORNERS = {(11, 12), (12, 11), (13, 14), (14, 13)}


def cells_of(picture: str) -> np.ndarray:
    """[32, 32] bool, indexed [x, y]."""
    rows = picture.split()
    blocks = np.array([[character == "#" for character in row] for row in rows[::-1]]).T
    return blocks.repeat(2, 0).repeat(2, 1)


@cache
def shortest(name: str) -> np.ndarray:
    """[1024, 1024] lengths of the shortest ways over 8 neighbours that cut no corner; infinite without a way."""
    walkable = terrain_of(name).walkable
    starts, ends, lengths = [], [], []
    for x, y in np.argwhere(walkable).tolist():
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                to = (x + dx, y + dy)
                if (dx, dy) == (0, 0) or not all(0 <= part < 32 for part in to) or not walkable[to]:
                    continue
                if dx and dy and not (walkable[x + dx, y] and walkable[x, y + dy]):
                    continue
                starts.append(x * 32 + y)
                ends.append(to[0] * 32 + to[1])
                lengths.append(np.hypot(dx, dy))
    return dijkstra(coo_array((lengths, (starts, ends)), (1024, 1024)).tocsr())


def cut_corners(walkable: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """[K] cells, along the longer axis, of the longest part of each straight line that lies on cliffs."""
    points = 320
    share = np.linspace(0, 1, points + 1)[:, None]
    dx, dy = ends // 32 - starts // 32, ends % 32 - starts % 32
    x, y = starts // 32 + 0.5 + share * dx, starts % 32 + 0.5 + share * dy
    longest, run = np.zeros(len(starts), int), np.zeros(len(starts), int)
    for blocked in ~walkable[x.astype(int), y.astype(int)]:
        run = (run + 1) * blocked
        longest = np.maximum(longest, run)
    return longest / points * np.maximum(np.abs(dx), np.abs(dy))


@pytest.mark.parametrize("name", MAPS)
def test_walkable_cells_are_those_of_smacs_map_files(name):
    walkable = terrain_of(name).walkable
    expected = cells_of(PICTURES.get(name, BAND))
    opened = {tuple(cell) for cell in np.argwhere(walkable & ~expected).tolist()}
    assert opened == (CHOKE_CORNERS if name == "corridor" else set())
    assert not (expected & ~walkable).any()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("8m", 512),  # 16 · 32
        ("3s_vs_5z", 1024),
        ("bane_vs_bane", 352),  # 2 · (12 + 16) · 2 + 12 · 20
        ("2c_vs_64zg", 336),  # 2 · (24 + 28 + 32 + 8 + 32 + 28 + 16)
        ("2s_vs_1sc", 896),
        ("6h_vs_8z", 904),
        ("corridor", 336),  # 332 and the four corners of the choke
        ("so_many_baneling", 300),
    ],
)
def test_the_number_of_walkable_cells(name, count):
    assert terrain_of(name).walkable.sum() == count


def test_the_choke_of_the_corridor_is_wide_enough_to_pass():
    # The 2 x 2 cells of the choke touch both rooms only at a corner, which the game's diagonal cliffs widen.
    walkable = terrain_of("corridor").walkable
    assert all(walkable[cell] for cell in CHOKE_CORNERS)
    straight_ways, count = label(walkable)  # over 4 neighbours
    assert count == 1
    assert straight_ways[5, 5] == straight_ways[20, 20] == 1


@pytest.mark.parametrize(
    ("name", "inside", "count"),
    [("2s_vs_1sc", (14, 10), 168), ("6h_vs_8z", (14, 9), 152)],  # 12·12 + 2·8 + 2·4, and 2·10 + 8·14 + 2·10
)
def test_the_ground_outside_a_ring_of_cliffs_is_cut_off(name, inside, count):
    regions, number = label(terrain_of(name).walkable, np.ones((3, 3)))
    assert number == 2
    assert (regions == regions[inside]).sum() == count
    assert regions[0, 0] not in (0, regions[inside])
    assert terrain_of(name).ways[inside[0] * 32 + inside[1], 0] == STRAIGHT


@pytest.mark.parametrize("name", ["8m", "3s_vs_5z"])
def test_ground_without_obstacles_needs_no_table_of_ways(name):
    terrain = terrain_of(name)
    assert terrain.ways.shape == (1, 1)
    assert terrain.ways.tolist() == [[STRAIGHT]]


@pytest.mark.battery
@pytest.mark.parametrize("name", OBSTACLES)
def test_following_the_ways_leads_from_every_cell_to_every_goal_on_a_shortest_way(name):
    terrain, best = terrain_of(name), shortest(name)
    cells = np.flatnonzero(terrain.walkable)
    for goal in cells[::11]:
        at = cells[np.isfinite(best[cells, goal])]
        start, walked = at, np.zeros(len(at))
        while (at != goal).any():
            way = terrain.ways[at, goal]
            following = np.where(way == STRAIGHT, goal, way)
            # Lines are looked at four times per cell: at a corner they may cut what a unit slides past.
            assert cut_corners(terrain.walkable, at, following).max() <= 0.3
            assert ((best[following, goal] < best[at, goal]) | (at == goal)).all()  # so it comes to an end
            walked += np.hypot(following // 32 - at // 32, following % 32 - at % 32)
            at = following
        # Straight lines cut what a way over neighbouring cells has to walk in angles; they are never longer.
        assert (walked <= best[start, goal] + 1e-6).all()


@pytest.mark.parametrize("name", OBSTACLES)
def test_there_is_no_way_between_regions_that_are_not_connected(name):
    ways, best = terrain_of(name).ways, shortest(name)
    cells = np.flatnonzero(terrain_of(name).walkable)
    apart = np.isinf(best[np.ix_(cells, cells)])
    assert (ways[np.ix_(cells, cells)][apart] == STRAIGHT).all()


@pytest.mark.parametrize("name", OBSTACLES)
def test_the_way_to_a_cliff_is_that_to_the_nearest_walkable_cell(name):
    terrain = terrain_of(name)
    cells = np.argwhere(terrain.walkable)
    for x, y in np.argwhere(~terrain.walkable)[::17]:
        distance = ((cells - [x, y]) ** 2).sum(-1)
        nearest = cells[distance == distance.min()] @ [32, 1]
        assert any((terrain.ways[:, x * 32 + y] == terrain.ways[:, cell]).all() for cell in nearest)


@pytest.mark.parametrize("name", MAPS)
def test_starting_points_and_goals_are_walkable(name):
    terrain, layout = terrain_of(name), layout_of(smac_map(name))
    for x, y in (*layout.ally_points, *layout.goal):
        assert terrain.walkable[int(x), int(y)]
    for x, y in layout.enemy_points:
        assert terrain.walkable[int(x), int(y)]


@pytest.mark.parametrize("name", OBSTACLES)
def test_both_armies_start_in_one_region(name):
    regions, _ = label(terrain_of(name).walkable)
    layout = layout_of(smac_map(name))
    points = (*layout.ally_points, *layout.enemy_points, *layout.goal)
    assert len({int(regions[int(x), int(y)]) for x, y in points}) == 1


def test_only_the_ravine_has_a_cliff_that_colossi_walk_over():
    for name in MAPS:
        cliff = terrain_of(name).cliff
        expected = {(x, y) for x in range(4, 28) for y in (12, 13)} if name == "2c_vs_64zg" else set()
        assert {tuple(cell) for cell in np.argwhere(cliff).tolist()} == expected


@pytest.mark.parametrize("name", MAPS)
def test_cells_say_in_bits_whether_they_are_walkable_or_cliff(name):
    terrain = terrain_of(name)
    np.testing.assert_array_equal(terrain.ground & WALKABLE != 0, terrain.walkable)
    np.testing.assert_array_equal(terrain.ground & CLIFF != 0, terrain.cliff)


def test_the_plateau_of_the_ravine_lies_a_cliff_level_above_the_rest_with_a_ramp_at_either_end():
    heights = terrain_of("2c_vs_64zg").heights
    assert (heights[7:25, 14:20] == 143).all()
    assert (heights[:, :12] == 127).all()
    assert (heights[:4, 14:] == 127).all()
    assert (heights[28:, 14:] == 127).all()
    # Three cells of ramp: 143 − 16 · (1, 2, 3)/4 = 139, 135, 131.
    assert heights[25:28, 15].tolist() == [139, 135, 131]
    assert heights[4:7, 15].tolist() == [131, 135, 139]


@pytest.mark.parametrize("name", sorted(set(MAPS) - {"2c_vs_64zg"}))
def test_all_other_ground_is_flat(name):
    assert (terrain_of(name).heights == 127).all()
