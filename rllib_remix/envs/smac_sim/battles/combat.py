"""Compiled rules of combat: hits, shields and armour, missiles, the beam, explosions, healing, recovery.

`battle`, `unit` and `kind` are records of the types BATTLE, UNIT and KIND; `units` and `kinds` the arrays of one copy.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac_sim.battles.chance import next_below
from rllib_remix.envs.smac_sim.battles.units import (
    BEAM_HALF_DEPTH,
    BEAM_HALF_WIDTH,
    BIOLOGICAL,
    ENERGY_RECHARGE,
    EXPLOSION,
    EXPLOSION_RADIUS,
    HEAL_COST,
    HEAL_RATE,
    LEAST_DAMAGE,
    LINE_SPLASH,
    MAX_SHOT_DELAY,
    MIN_SHOT_DELAY,
    MISSILE,
    MISSILE_SPEED,
    SHIELD_DELAY,
    SHIELD_RECHARGE,
)

ZERO, ONE = np.float32(0.0), np.float32(1.0)


@kernel
def is_enemy(battle, one, other):
    """Whether units number `one` and `other` are on different sides."""
    return (one < battle.n_agents) != (other < battle.n_agents)


@kernel
def is_scripted(battle, number):
    """Whether a unit follows the enemies' script: the enemies, and in trials of fairness the allies."""
    return number >= battle.n_agents or battle.allies_scripted


@kernel
def edge_distance(kinds, unit, other):
    """Cells between the edges of two units; below 0 where they overlap."""
    dx, dy = other.x - unit.x, other.y - unit.y
    return np.sqrt(dx * dx + dy * dy) - kinds[unit.kind].radius - kinds[other.kind].radius


@kernel
def can_hit(kinds, unit, other):
    """Whether the weapon works against this kind of unit at all."""
    kind, against = kinds[unit.kind], kinds[other.kind]
    return (kind.hits_ground and against.is_ground) or (kind.hits_air and against.is_air)


@kernel
def hit(battle, units, kinds, attacker, victim):
    """All hits of one shot on one unit: shields take them whole, armour lessens each hit on the health."""
    kind, unit = kinds[units[attacker].kind], units[victim]
    if unit.health <= 0.0:
        return
    against = kinds[unit.kind]
    damage = kind.damage
    if against.attributes & kind.bonus_against:
        damage += kind.bonus
    for _ in range(kind.hits):
        through = damage - unit.shield
        if through <= 0.0:
            unit.shield -= damage
        else:
            unit.shield = ZERO
            unit.health -= max(through - against.armour, min(through, np.float32(LEAST_DAMAGE)))
    unit.last_hit = battle.loop
    if unit.health <= 0.0:
        unit.health = ZERO
    elif unit.target < 0 and is_scripted(battle, victim) and can_hit(kinds, unit, units[attacker]):
        unit.target = attacker  # It strikes back, however far the shot came.


@kernel
def fire(battle, units, kinds, attacker, target):
    """One shot at a target in range; the next is ready after the weapon's cooldown and −1 to 2 loops by chance."""
    unit = units[attacker]
    kind = kinds[unit.kind]
    unit.fired = True
    if kind.weapon == EXPLOSION:
        unit.health = ZERO  # `explode_dead` does the rest.
        return
    unit.cooldown += kind.cooldown + np.float32(
        MIN_SHOT_DELAY + next_below(battle, MAX_SHOT_DELAY - MIN_SHOT_DELAY + 1)
    )
    if kind.weapon == MISSILE:
        unit.missile_target = target
        unit.missile = max(ONE, edge_distance(kinds, unit, units[target]) / np.float32(MISSILE_SPEED))
    elif kind.weapon == LINE_SPLASH:
        _beam(battle, units, kinds, attacker, target)
    else:
        hit(battle, units, kinds, attacker, target)


@kernel
def _beam(battle, units, kinds, attacker, target):
    """Hits every enemy on the ground that touches a bar through the target, across the line of fire."""
    unit, centre = units[attacker], units[target]
    along_x, along_y = centre.x - unit.x, centre.y - unit.y
    length = np.sqrt(along_x * along_x + along_y * along_y)
    if length < 1e-6:
        along_x, along_y, length = ONE, ZERO, ONE
    along_x, along_y = along_x / length, along_y / length
    for i in range(len(units)):
        other = units[i]
        if other.health <= 0.0 or not is_enemy(battle, attacker, i) or not kinds[other.kind].is_ground:
            continue
        dx, dy = other.x - centre.x, other.y - centre.y
        beside = max(abs(dy * along_x - dx * along_y) - BEAM_HALF_WIDTH, 0.0)
        behind = max(abs(dx * along_x + dy * along_y) - BEAM_HALF_DEPTH, 0.0)
        radius = kinds[other.kind].radius
        if i == target or beside * beside + behind * behind <= radius * radius:
            hit(battle, units, kinds, attacker, i)


@kernel
def explode_dead(battle, units, kinds):
    """Banelings that died explode, which may kill others of the enemy's, until none is left to explode."""
    exploding = True
    while exploding:
        exploding = False
        for i in range(len(units)):
            unit = units[i]
            if unit.health > 0.0 or unit.exploded or kinds[unit.kind].weapon != EXPLOSION:
                continue
            unit.exploded = exploding = True
            for j in range(len(units)):
                other = units[j]
                if other.health > 0.0 and is_enemy(battle, i, j) and can_hit(kinds, unit, other):
                    dx, dy = other.x - unit.x, other.y - unit.y
                    if np.sqrt(dx * dx + dy * dy) <= EXPLOSION_RADIUS + kinds[other.kind].radius:
                        hit(battle, units, kinds, i, j)


@kernel
def fly_missiles(battle, units, kinds):
    """Missiles go on without their shooter and hit nothing if their target died meanwhile."""
    for i in range(len(units)):
        unit = units[i]
        if unit.missile > 0.0:
            unit.missile -= ONE
            if unit.missile <= 0.0:
                unit.missile = ZERO
                hit(battle, units, kinds, i, unit.missile_target)


@kernel
def can_be_healed(kinds, patient):
    """Living, biological and wounded."""
    kind = kinds[patient.kind]
    return 0.0 < patient.health < kind.health and (kind.attributes & BIOLOGICAL) != 0


@kernel
def heal(kinds, unit, patient):
    """One loop of healing, as far as the energy reaches."""
    missing = kinds[patient.kind].health - patient.health
    amount = min(np.float32(HEAL_RATE), missing, unit.energy / np.float32(HEAL_COST))
    if amount > 0.0:
        patient.health += amount
        unit.energy = max(ZERO, unit.energy - amount * np.float32(HEAL_COST))
        unit.fired = True


@kernel
def recover(kinds, unit, loop):
    """One loop of cooling down, recharging and regenerating of a living unit."""
    kind = kinds[unit.kind]
    # What is left below 0 counts for the next shot, but a weapon that waits saves up nothing.
    unit.cooldown = unit.cooldown - ONE if unit.cooldown > 0.0 else ZERO
    if unit.shield < kind.shield and loop - unit.last_hit >= SHIELD_DELAY:
        unit.shield = min(kind.shield, unit.shield + np.float32(SHIELD_RECHARGE))
    if unit.health < kind.health and kind.regeneration > 0.0:
        unit.health = min(kind.health, unit.health + kind.regeneration)
    if unit.energy < kind.energy:
        unit.energy = min(kind.energy, unit.energy + np.float32(ENERGY_RECHARGE))
