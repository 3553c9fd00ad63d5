"""Compiled choices that scripted teams share: the nearest of a kind, and the moves towards it.

`units` and `kinds` are the arrays of one copy, with the allies first.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.actions import EAST, NORTH, SOUTH, WEST
from rllib_remix.envs.smac_sim.battles.combat import can_be_healed

NOBODY = -1


@kernel
def squared_distance(one, other):
    dx, dy = np.float64(other.x) - np.float64(one.x), np.float64(other.y) - np.float64(one.y)
    return dx * dx + dy * dy


@kernel
def nearest_enemy(units, n_agents, agent):
    """Number of a unit, not of a target; NOBODY if no enemy lives."""
    best, shortest = NOBODY, np.inf
    for i in range(n_agents, len(units)):
        distance = squared_distance(units[agent], units[i])
        if units[i].health > 0.0 and distance < shortest:
            best, shortest = i, distance
    return best


@kernel
def nearest_wounded(units, kinds, n_agents, agent):
    best, shortest = NOBODY, np.inf
    for i in range(n_agents):
        distance = squared_distance(units[agent], units[i])
        if i != agent and can_be_healed(kinds, units[i]) and distance < shortest:
            best, shortest = i, distance
    return best


@kernel
def moves_towards(unit, goal):
    """The two moves that bring a unit closer, that along the larger offset first."""
    dx, dy = np.float64(goal.x) - np.float64(unit.x), np.float64(goal.y) - np.float64(unit.y)
    along_x, along_y = EAST if dx > 0.0 else WEST, NORTH if dy > 0.0 else SOUTH
    if abs(dx) > abs(dy):
        return along_x, along_y
    return along_y, along_x
