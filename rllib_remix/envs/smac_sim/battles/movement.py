"""Compiled rules of movement: steps around obstacles, and units that push each other apart."""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac_sim.battles.terrain import CLIFF, SIZE, STRAIGHT, WALKABLE
from rllib_remix.envs.smac_sim.battles.units import AIR, CLIFF_WALKER

_EDGE = np.float32(SIZE - 1e-3)  # of the map
SOFTNESS = np.float32(0.5)  # share of an overlap that one loop undoes: units can squeeze past each other
MAX_PUSH = np.float32(0.25)  # cells in one loop


@kernel
def can_stand(ground, layer, x, y):
    """Whether a point is on the map, and on ground where units of this layer can be."""
    if not (0.0 <= x <= _EDGE and 0.0 <= y <= _EDGE):
        return False
    if layer == AIR:
        return True
    cell = ground[int(x), int(y)]
    return (cell & WALKABLE) != 0 or (layer == CLIFF_WALKER and (cell & CLIFF) != 0)


@kernel
def shift(ground, unit, layer, dx, dy):
    """Moves a unit by (dx, dy) cells, or along the obstacle in its way, or not at all."""
    x, y = np.float32(unit.x + dx), np.float32(unit.y + dy)
    if can_stand(ground, layer, x, y):
        unit.x, unit.y = x, y
    elif can_stand(ground, layer, x, unit.y):
        unit.x = x
    elif can_stand(ground, layer, unit.x, y):
        unit.y = y


@kernel
def _cell(x, y):
    """The number of the cell at a point; points off the map count to the nearest."""
    return min(max(int(x), 0), SIZE - 1) * SIZE + min(max(int(y), 0), SIZE - 1)


@kernel
def step_towards(kinds, ground, ways, unit, x, y, speed, stop_at):
    """One loop's walk towards (x, y) around obstacles, ending `stop_at` cells before it."""
    layer = kinds[unit.kind].layer
    if ways.shape[0] > 1 and layer != AIR and layer != CLIFF_WALKER:
        way = ways[_cell(unit.x, unit.y), _cell(x, y)]
        if way != STRAIGHT:
            x, y, stop_at = np.float32(way // SIZE + 0.5), np.float32(way % SIZE + 0.5), np.float32(0.0)
    walk(ground, unit, layer, x, y, speed, stop_at)


@kernel
def walk(ground, unit, layer, x, y, speed, stop_at):
    """One loop's walk straight towards (x, y), ending `stop_at` cells before it."""
    dx, dy = x - unit.x, y - unit.y
    distance = np.sqrt(dx * dx + dy * dy)
    length = min(speed, distance - stop_at)
    if length > 0.0:
        shift(ground, unit, layer, dx * length / distance, dy * length / distance)


@kernel
def separate(units, kinds, ground, backwards):
    """Living units of one layer that overlap are pushed apart; who attacks stands firm, buildings do not move.

    One pair after the other, in the order of the units' numbers or against it.
    """
    first, step = (len(units) - 1, -1) if backwards else (0, 1)
    for i in range(len(units)):
        one = units[first + step * i]
        if one.health <= 0.0:
            continue
        kind = kinds[one.kind]
        reach = kind.separation + np.float32(1.2)  # no unit is larger
        for j in range(i + 1, len(units)):
            other = units[first + step * j]
            if abs(other.x - one.x) < reach and abs(other.y - one.y) < reach and other.health > 0.0:
                _push(ground, one, kind, other, kinds[other.kind])


@kernel
def _push(ground, one, kind, other, other_kind):
    """Moves two units apart by a part of their overlap, at most MAX_PUSH."""
    if kind.layer != other_kind.layer:
        return
    dx, dy = other.x - one.x, other.y - one.y
    distance = np.sqrt(dx * dx + dy * dy)
    overlap = kind.separation + other_kind.separation - distance
    if overlap <= 0.0:
        return
    if distance < 1e-4:  # One upon the other: apart along x.
        dx, dy, distance = np.float32(1.0), np.float32(0.0), np.float32(1.0)
    share = np.float32(0.5)  # of the overlap by which the first gives way
    if one.holds != other.holds:
        share = np.float32(0.0) if one.holds else np.float32(1.0)
    if kind.speed == 0.0:
        share = np.float32(0.0)
    elif other_kind.speed == 0.0:
        share = np.float32(1.0)
    length = min(overlap * SOFTNESS, MAX_PUSH) / distance
    if share > 0.0:
        _give_way(ground, one, kind.layer, -dx * length * share, -dy * length * share, other.holds)
    if share < 1.0:
        share = np.float32(1.0) - share
        _give_way(ground, other, other_kind.layer, dx * length * share, dy * length * share, one.holds)


@kernel
def _give_way(ground, unit, layer, dx, dy, blocked):
    """Moves a pushed unit by (dx, dy); who has a target and is `blocked` by one that stands firm slips past it too.

    Some slip to the right and some to the left, so that a crowd surrounds its target.
    """
    if blocked and unit.target >= 0:
        turn = np.float32(-1.0) if unit.right_handed else np.float32(1.0)
        dx, dy = dx - turn * dy, dy + turn * dx
    shift(ground, unit, layer, dx, dy)
