"""The ground of SMAC's maps: where units can walk, how high it is, and the way around obstacles."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.maps import DRAWN_MAPS

SIZE = 32  # cells in each direction, on every map
WALKABLE, CLIFF = 1, 2  # bits of a cell
STRAIGHT = -1  # no way around is needed
Rows = tuple[
    tuple[int, int, tuple[tuple[int, int], ...]], ...
]  # (from y, to y, ((from x, to x), …)), inclusive

_OUTSIDE_LEFT_RIGHT = ((0, 5), (22, 31))
# Walkable cells, from the cell flags of SMAC's map files.
WALKABLE_CELLS: dict[str, Rows] = {
    "band": ((8, 23, ((0, 31),)),),
    "open": ((0, 31, ((0, 31),)),),
    "octagon": (
        (6, 7, ((10, 21),)), (8, 9, ((8, 23),)), (10, 21, ((6, 25),)), (22, 23, ((8, 23),)), (24, 25, ((10, 21),)),
    ),
    "ravine": (
        (6, 7, ((4, 27),)), (8, 9, ((2, 29),)), (10, 11, ((0, 31),)), (12, 13, ((0, 3), (28, 31))),
        (14, 15, ((0, 31),)), (16, 17, ((2, 29),)), (18, 19, ((8, 23),)),
    ),
    "pentagon": (
        (0, 5, ((0, 31),)), (6, 7, _OUTSIDE_LEFT_RIGHT), (8, 19, ((0, 5), (8, 19), (22, 31))),
        (20, 21, ((0, 5), (10, 17), (22, 31))), (22, 23, ((0, 7), (12, 15), (20, 31))),
        (24, 25, ((0, 9), (18, 31))), (26, 31, ((0, 31),)),
    ),
    "arena": (
        (0, 5, ((0, 31),)), (6, 7, ((0, 7), (22, 31))), (8, 9, ((0, 5), (10, 19), (24, 31))),
        (10, 17, ((0, 5), (8, 21), (24, 31))), (18, 19, ((0, 5), (10, 19), (24, 31))),
        (20, 21, ((0, 7), (22, 31))), (22, 31, ((0, 31),)),
    ),
    "corridor": (
        (2, 11, ((2, 11),)), (12, 13, ((12, 13),)), (14, 15, ((14, 25),)), (16, 17, ((14, 27),)),
        (18, 21, ((12, 29),)), (22, 23, ((14, 29),)), (24, 25, ((16, 29),)), (26, 27, ((18, 29),)),
        (28, 29, ((20, 29),)),
    ),
    "diagonal": (
        (2, 3, ((2, 7),)), (4, 7, ((2, 11),)), (8, 11, ((4, 15),)), (12, 15, ((8, 19),)), (16, 17, ((10, 19),)),
        (18, 21, ((14, 25),)), (22, 23, ((16, 29),)), (24, 27, ((20, 29),)), (28, 29, ((22, 29),)),
    ),
}  # fmt: skip
TERRAIN_OF = {
    **dict.fromkeys(DRAWN_MAPS, "open"),
    "3s_vs_3z": "open", "3s_vs_4z": "open", "3s_vs_5z": "open", "2m_vs_1z": "octagon", "bane_vs_bane": "octagon",
    "2c_vs_64zg": "ravine", "2s_vs_1sc": "pentagon", "6h_vs_8z": "arena", "corridor": "corridor",
    "so_many_baneling": "diagonal",
}  # fmt: skip
GROUND_HEIGHT, PLATEAU_HEIGHT = 127, 143  # the game's bytes; a cliff level is 16 of them


class Terrain(NamedTuple):
    """The ground of one map; grids are indexed [x, y], y grows north. Cells are numbered x·32 + y."""

    walkable: np.ndarray  # [32, 32] bool
    cliff: np.ndarray  # [32, 32] bool: a colossus walks here as well
    heights: np.ndarray  # [32, 32] uint8
    # [1024, 1024] int16, cell × goal: where to go first, the farthest cell in straight sight on a shortest way to the
    # goal (or to the walkable cell nearest to it); STRAIGHT where that is the goal or where there is no way.
    # [1, 1] on ground without obstacles, where every way is straight.
    ways: np.ndarray
    ground: np.ndarray  # [32, 32] uint8: WALKABLE and CLIFF as bits, for the movement kernels


def terrain_of(map_name: str) -> Terrain:
    """The ground of one of SMAC's or SMACv2's maps."""
    return _terrain(TERRAIN_OF.get(map_name, "band"))


@cache
def _terrain(name: str) -> Terrain:
    walkable = _open_diagonals(_grid(WALKABLE_CELLS[name]))
    cliff = np.zeros((SIZE, SIZE), np.bool_)
    heights = np.full((SIZE, SIZE), GROUND_HEIGHT, np.uint8)
    if (
        name == "ravine"
    ):  # a wall between the plateau in the north and the low ground, with a ramp at either end
        cliff[4:28, 12:14] = True
        ramp = np.linspace(PLATEAU_HEIGHT, GROUND_HEIGHT, 5)[1:-1].round().astype(np.uint8)
        heights[7:25, 13:] = PLATEAU_HEIGHT
        heights[25:28, 13:] = ramp[:, None]
        heights[4:7, 13:] = ramp[::-1, None]
    convex = name in ("band", "open")
    ways = np.full((1, 1), STRAIGHT, np.int16) if convex else _ways(walkable, _nearest_walkable(walkable))
    ground = (walkable * WALKABLE + cliff * CLIFF).astype(np.uint8)
    return Terrain(walkable, cliff, heights, ways, ground)


def _grid(rows: Rows) -> np.ndarray:
    grid = np.zeros((SIZE, SIZE), np.bool_)
    for y_from, y_to, intervals in rows:
        for x_from, x_to in intervals:
            grid[x_from : x_to + 1, y_from : y_to + 1] = True
    return grid


def _open_diagonals(walkable: np.ndarray) -> np.ndarray:
    """Widens places where walkable cells touch only at a corner, as the game's diagonal cliffs do."""
    opened = walkable.copy()
    a, b = walkable[:-1, :-1], walkable[1:, 1:]
    c, d = walkable[1:, :-1], walkable[:-1, 1:]
    for x, y in np.argwhere((a & b & ~c & ~d) | (c & d & ~a & ~b)):
        opened[x : x + 2, y : y + 2] = True
    return opened


def _nearest_walkable(walkable: np.ndarray) -> np.ndarray:
    cells = np.argwhere(walkable)
    every = np.argwhere(np.ones_like(walkable))
    distance = ((every[:, None] - cells[None]) ** 2).sum(-1)
    return (cells[distance.argmin(-1)] @ np.array([SIZE, 1])).astype(np.int16)


@kernel
def _sees(walkable, a, b):
    """Whether the straight line between the centres of two cells stays on walkable cells."""
    ax, ay, bx, by = a // SIZE, a % SIZE, b // SIZE, b % SIZE
    steps = 4 * max(abs(bx - ax), abs(by - ay)) + 1
    for i in range(steps + 1):
        x, y = ax + 0.5 + (bx - ax) * i / steps, ay + 0.5 + (by - ay) * i / steps
        if not walkable[int(x), int(y)]:
            return False
    return True


@kernel
def _distances(walkable, goal, distance, queue):
    """Length of the shortest way from every cell to the goal, over 8 neighbours without cutting corners."""
    distance[:] = np.inf
    distance[goal] = 0.0
    queued = np.zeros(SIZE * SIZE, np.bool_)
    queue[0], head, count = goal, 0, 1
    while count > 0:
        cell = queue[head]
        head, count = (head + 1) % len(queue), count - 1
        queued[cell] = False
        x, y = cell // SIZE, cell % SIZE
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                to_x, to_y = x + dx, y + dy
                if not (0 <= to_x < SIZE and 0 <= to_y < SIZE) or not walkable[to_x, to_y]:
                    continue
                if dx != 0 and dy != 0 and not (walkable[to_x, y] and walkable[x, to_y]):
                    continue
                length = distance[cell] + np.sqrt(dx * dx + dy * dy)
                to = to_x * SIZE + to_y
                if length < distance[to] - 1e-9:
                    distance[to] = length
                    if not queued[to]:
                        queued[to] = True
                        queue[(head + count) % len(queue)] = to
                        count += 1


@kernel
def _next_cell(walkable, cell, distance):
    """The neighbour from which the way to the goal is shortest."""
    x, y = cell // SIZE, cell % SIZE
    best, best_length = -1, np.inf
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            to_x, to_y = x + dx, y + dy
            if (
                (dx == 0 and dy == 0)
                or not (0 <= to_x < SIZE and 0 <= to_y < SIZE)
                or not walkable[to_x, to_y]
            ):
                continue
            if dx != 0 and dy != 0 and not (walkable[to_x, y] and walkable[x, to_y]):
                continue
            length = distance[to_x * SIZE + to_y] + np.sqrt(dx * dx + dy * dy)
            if length < best_length:
                best, best_length = to_x * SIZE + to_y, length
    return best


@kernel
def _ways(walkable, nearest):
    """For every cell and goal the farthest cell of a shortest way that is in straight sight; see Terrain."""
    cells = SIZE * SIZE
    ways = np.full((cells, cells), STRAIGHT, np.int16)
    distance, queue = np.empty(cells), np.empty(cells, np.int64)
    for goal in range(cells):
        if nearest[goal] == goal:
            _distances(walkable, goal, distance, queue)
            for cell in range(cells):
                if np.isfinite(distance[cell]) and not _sees(walkable, cell, goal):
                    ways[cell, goal] = _farthest_seen(walkable, cell, distance)
    for goal in range(cells):
        if nearest[goal] != goal:
            ways[:, goal] = ways[:, nearest[goal]]
    return ways


@kernel
def _farthest_seen(walkable, cell, distance):
    """The last cell in sight on the shortest way from `cell`."""
    seen = _next_cell(walkable, cell, distance)
    following = _next_cell(walkable, seen, distance)
    while _sees(walkable, cell, following):
        seen, following = following, _next_cell(walkable, following, distance)
    return seen
