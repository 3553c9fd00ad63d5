"""Where armies start and what the enemies are told to do, as the scripts of SMAC's maps say."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rllib_remix.envs.smac.maps import DRAWN_MAPS, SmacMap
from rllib_remix.envs.smac_sim.battles.terrain import Terrain
from rllib_remix.envs.smac_sim.battles.units import AIR

Point = tuple[float, float]
# Orders of a unit. Agents give IDLE (stop), MOVE, ATTACK and MEND; scripts ATTACK_MOVE and HUNT.
IDLE, MOVE, ATTACK, MEND, ATTACK_MOVE, HUNT = range(6)


class Layout(NamedTuple):
    """The start of one map: one point per group of the armies, and the enemies' order."""

    ally_points: tuple[Point, ...]
    enemy_points: tuple[Point, ...]
    enemy_order: int
    goal: tuple[Point, Point]  # ends of the segment on which an attack-move's goal is drawn


def _facing(allies: Point, enemies: Point, goal: Point | None = None) -> Layout:
    goal = goal or allies
    return Layout((allies,), (enemies,), ATTACK_MOVE, (goal, goal))


_BAND = _facing((9, 16), (23, 16))  # most maps
# SMACv2's script sends every enemy without an order after the nearest ally; where armies start, chance decides.
_HUNTED = Layout((), (), HUNT, ((16, 16), (16, 16)))
LAYOUTS: dict[str, Layout] = {
    **dict.fromkeys(DRAWN_MAPS, _HUNTED),
    "2m_vs_1z": Layout(((13, 12), (19, 12)), ((16, 19),), ATTACK_MOVE, ((13, 12), (19, 12))),
    "bane_vs_bane": Layout(((16, 8), (16, 11)), ((16, 24), (16, 21)), ATTACK_MOVE, ((16, 8), (16, 8))),
    "2c_vs_64zg": Layout(((16, 16),), ((16, 9),), HUNT, ((16, 16), (16, 16))),
    "2s_vs_1sc": Layout(((11.12, 10.34), (16.98, 10.37)), ((13.92, 20.04),), IDLE, ((14, 10), (14, 10))),
    "6h_vs_8z": _facing((14.6, 9.49), (14.41, 16.76)),
    "corridor": _facing((19.04, 19.12), (27.91, 28.24), goal=(4.47, 4.33)),
    "so_many_baneling": _facing((11.47, 12.02), (27.91, 28.24), goal=(4.47, 4.33)),
}


def layout_of(game: SmacMap) -> Layout:
    return LAYOUTS.get(game.name, _BAND)


def formation(game: SmacMap, terrain: Terrain, kinds: np.ndarray, unit_kinds: np.ndarray) -> np.ndarray:
    """[M, 2] float32: where each unit is created, allies first: free spots near its group's point.

    The game packs units around a point by rules of its own; here each takes the nearest spot of a grid of a quarter
    cell that is walkable and free, in the order in which the map's script creates them, and enemies by the point
    reflection of the allies' order, so that equal armies mirror each other.
    """
    layout = layout_of(game)
    offsets = spots_around()
    spots = np.zeros((len(unit_kinds), 2), np.float32)
    placed: list[tuple[float, float, float, int]] = []  # x, y, radius, layer
    sides = ((1, game.ally_types, game.allies, layout.ally_points, 0),
             (-1, game.enemy_types, game.enemies, layout.enemy_points, game.n_agents))  # fmt: skip
    for sign, names, army, points, first in sides:
        homes = _homes(army, points)
        for unit in sorted(range(len(names)), key=lambda unit, names=names: _created(game, names[unit])):
            kind = kinds[unit_kinds[first + unit]]
            x, y = _free_spot(np.asarray(homes[unit]) + sign * offsets, kind, placed, terrain)
            placed.append((x, y, float(kind["separation"]), int(kind["layer"])))
            spots[first + unit] = x, y
    return spots


def _created(game: SmacMap, name: str) -> int:
    """The place of a kind of unit in the order of creation: that of the army, but for the maps with medivacs."""
    order = ("marine", "marauder", "medivac") if game.heals else ()
    return order.index(name) if name in order else 0


def _homes(army: tuple[tuple[str, int], ...], points: tuple[Point, ...]) -> list[Point]:
    """The point of every unit: one for all, one per group, or one per unit."""
    counts = [count for _, count in army]
    if len(points) == 1:
        return list(points) * sum(counts)
    if len(points) == len(counts):
        return [point for point, count in zip(points, counts, strict=True) for _ in range(count)]
    return list(points)


def spots_around() -> np.ndarray:
    """[K, 2] offsets of a grid of a quarter cell, the nearest first."""
    steps = np.arange(-32, 33) * 0.25
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    angle = np.arctan2(grid[:, 1], grid[:, 0])
    return grid[np.lexsort((angle, (grid**2).sum(-1)))]


def _free_spot(spots: np.ndarray, kind: Any, placed: list, terrain: Terrain) -> tuple[float, float]:
    inside = ((spots >= 0) & (spots < 32)).all(-1)
    spots = spots[inside]
    cells = spots.astype(int)
    free = terrain.walkable[cells[:, 0], cells[:, 1]] | (kind["layer"] == AIR)
    for x, y, radius, layer in placed:
        if layer == kind["layer"]:
            free &= np.hypot(spots[:, 0] - x, spots[:, 1] - y) >= radius + float(kind["separation"]) - 1e-6
    x, y = spots[np.flatnonzero(free)[0]]
    return float(x), float(y)
