"""Compiled behaviour: units under orders of agents, and enemies under their script.

`battle` is a record BATTLE, `number` a unit's index; `units` and `kinds` are the arrays of one copy.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac_sim.battles.combat import (
    ZERO,
    can_be_healed,
    can_hit,
    edge_distance,
    fire,
    heal,
    is_scripted,
)
from rllib_remix.envs.smac_sim.battles.layouts import ATTACK, ATTACK_MOVE, HUNT, IDLE, MEND, MOVE
from rllib_remix.envs.smac_sim.battles.movement import step_towards, walk
from rllib_remix.envs.smac_sim.battles.units import HEAL, HEAL_COST, HEAL_RATE, HEAL_START_ENERGY

ARRIVED = 1.5  # cells from the goal at which an attack-move ends: an army does not fit on a point
SCAN_LOOPS = 4  # loops between two looks for a better target
GIVE_UP = 5.0  # cells beyond the scan range at which a scripted unit forgets who shot at it
HEAL_LOOP_ENERGY = np.float32(
    HEAL_RATE * HEAL_COST
)  # with less, a scripted medivac rests until it can start anew
ESCORT_SPEED = np.float32(2.25 / 16)  # medivacs of the enemy do not outrun the infantry


@kernel
def act(battle, units, kinds, ground, ways, number):
    """What a living unit does in one loop."""
    unit = units[number]
    unit.holds = False
    if not is_scripted(battle, number):
        _obey(battle, units, kinds, ground, ways, number)
    elif kinds[unit.kind].weapon == HEAL:
        _tend(battle, units, kinds, ground, ways, number)
    else:
        _fight(battle, units, kinds, ground, ways, number)


@kernel
def _obey(battle, units, kinds, ground, ways, number):
    """An ally does what its agent said, and nothing of its own accord."""
    unit = units[number]
    if unit.order == MOVE:
        kind = kinds[unit.kind]
        walk(ground, unit, kind.layer, unit.goal_x, unit.goal_y, kind.speed, ZERO)
    elif unit.order == ATTACK or unit.order == MEND:
        if units[unit.target].health <= 0.0:
            unit.order, unit.target = IDLE, -1
        elif unit.order == ATTACK:
            _engage(battle, units, kinds, ground, ways, number)
        else:
            _mend(units, kinds, ground, ways, number)


@kernel
def _engage(battle, units, kinds, ground, ways, number):
    """Shoots if the target is in range, else goes there."""
    unit = units[number]
    kind, target = kinds[unit.kind], units[unit.target]
    if edge_distance(kinds, unit, target) <= kind.range:
        unit.holds = True
        if unit.cooldown <= 0.0:
            fire(battle, units, kinds, number, unit.target)
    else:
        _approach(kinds, ground, ways, unit, target)


@kernel
def _mend(units, kinds, ground, ways, number):
    """Heals if the patient is in range, else goes there."""
    unit = units[number]
    patient = units[unit.target]
    if edge_distance(kinds, unit, patient) > kinds[unit.kind].range:
        _approach(kinds, ground, ways, unit, patient)
    elif can_be_healed(kinds, patient):
        heal(kinds, unit, patient)


@kernel
def _approach(kinds, ground, ways, unit, target):
    """Walks until the target is in range."""
    kind = kinds[unit.kind]
    # A hair inside the range, so that rounding cannot leave it just outside.
    stop_at = kind.radius + kinds[target.kind].radius + kind.range - np.float32(1e-3)
    step_towards(kinds, ground, ways, unit, target.x, target.y, kind.speed, stop_at)


@kernel
def _fight(battle, units, kinds, ground, ways, number):
    """A scripted unit: keeps a target that it can shoot at, else looks for the nearest, else follows its order."""
    unit = units[number]
    kind = kinds[unit.kind]
    if unit.target >= 0 and units[unit.target].health <= 0.0:
        unit.target = -1
    in_range = unit.target >= 0 and edge_distance(kinds, unit, units[unit.target]) <= kind.range
    if not in_range and battle.loop % SCAN_LOOPS == 0:
        _choose_target(battle, units, kinds, number)
    if unit.target >= 0:
        _engage(battle, units, kinds, ground, ways, number)
    elif unit.order == ATTACK_MOVE:
        _march(kinds, ground, ways, unit, kind.speed)


@kernel
def _choose_target(battle, units, kinds, number):
    """Of the opponents in scan range the nearest that attacks or heals, else the nearest.

    Hunters go for the nearest at any distance. Where there is none, one that is pursued already is kept for a while.
    """
    unit = units[number]
    scan_range = kinds[unit.kind].scan_range
    reach = np.float32(np.inf) if unit.order == HUNT else scan_range
    chosen, least, threatens = -1, reach, False
    first, last = (0, battle.n_agents) if number >= battle.n_agents else (battle.n_agents, len(units))
    for i in range(first, last):
        other = units[i]
        if other.health <= 0.0 or not can_hit(kinds, unit, other):
            continue
        distance = edge_distance(kinds, unit, other)
        threat = other.target >= 0 and unit.order != HUNT
        if distance <= reach and (threat > threatens or (threat == threatens and distance < least)):
            chosen, least, threatens = i, distance, threat
    if chosen >= 0:
        unit.target = chosen
    elif unit.target >= 0 and edge_distance(kinds, unit, units[unit.target]) > scan_range + GIVE_UP:
        unit.target = -1


@kernel
def _march(kinds, ground, ways, unit, speed):
    """Walks towards the goal of an attack-move, which ends there."""
    dx, dy = unit.goal_x - unit.x, unit.goal_y - unit.y
    if dx * dx + dy * dy <= ARRIVED * ARRIVED:
        unit.order = IDLE
    else:
        step_towards(kinds, ground, ways, unit, unit.goal_x, unit.goal_y, speed, ZERO)


@kernel
def _tend(battle, units, kinds, ground, ways, number):
    """A scripted medivac heals the most wounded friend near it, and else follows the attack."""
    unit = units[number]
    if unit.target >= 0 and (unit.energy < HEAL_LOOP_ENERGY or not can_be_healed(kinds, units[unit.target])):
        unit.target = -1
    if unit.target < 0 and unit.energy >= HEAL_START_ENERGY:
        least = np.float32(np.inf)
        for i in range(battle.n_agents, len(units)):
            near = edge_distance(kinds, unit, units[i]) <= kinds[unit.kind].scan_range
            if near and can_be_healed(kinds, units[i]) and units[i].health < least:
                unit.target, least = i, units[i].health
    if unit.target >= 0:
        _mend(units, kinds, ground, ways, number)
    elif unit.order == ATTACK_MOVE:
        _march(kinds, ground, ways, unit, ESCORT_SPEED)
