"""What each kind of unit can do: StarCraft II 4.10, in game loops (16 loops are one "normal" second).

Sources: the unit data inside SMAC's maps (allies' health, speed, radius), the game's published API data (everything
else), and general knowledge where these say nothing (marked "assumed").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rllib_remix.envs.smac.maps import HEALTH, SmacMap
from rllib_remix.envs.smac.options import SHOOT_RANGE, SIGHT_RANGE

LOOPS_PER_SECOND = 16
LIGHT, ARMOURED, BIOLOGICAL = 1, 2, 4  # attributes, as bits
GROUND, CLIFF_WALKER, AIR = range(3)  # layers: units collide within one, never across
PLAIN, MISSILE, LINE_SPLASH, EXPLOSION, HEAL = range(5)  # how a unit does its work

SHIELD_DELAY = 160  # loops without damage until shields recharge
SHIELD_RECHARGE = 2.0 / LOOPS_PER_SECOND  # per loop
ZERG_REGENERATION = 0.2734 / LOOPS_PER_SECOND
ENERGY_RECHARGE = 0.5625 / LOOPS_PER_SECOND
HEAL_RATE = 9.0 / LOOPS_PER_SECOND  # hit points per loop
HEAL_COST = 1.0 / 3.0  # energy per hit point
HEAL_START_ENERGY = 5.0  # to take a new patient (assumed)
MISSILE_SPEED = 18.75 / LOOPS_PER_SECOND  # cells per loop (assumed)
BEAM_HALF_WIDTH, BEAM_HALF_DEPTH = 1.4, 0.15  # the colossus' beam across and along the line of fire
EXPLOSION_RADIUS = 2.2  # the baneling's (assumed)
LEAST_DAMAGE = 0.5  # of a hit on the health, whatever the armour (assumed)
MIN_SCAN_RANGE = 5.0  # cells from edge to edge at which a unit with a shorter weapon sees a target
MAX_SHOT_DELAY, MIN_SHOT_DELAY = 2, -1  # loops that chance adds to a cooldown

KIND = np.dtype(
    [
        ("health", np.float32),
        ("shield", np.float32),
        ("energy", np.float32),
        ("armour", np.float32),
        ("damage", np.float32),  # of one hit
        ("bonus", np.float32),  # more, against `bonus_against`
        ("range", np.float32),  # cells from edge to edge
        ("scan_range", np.float32),  # at which a scripted unit notices a target
        ("cooldown", np.float32),  # loops between shots
        ("speed", np.float32),  # cells per loop
        ("radius", np.float32),
        ("separation", np.float32),  # radius within which no other unit of the layer stands
        ("regeneration", np.float32),  # hit points per loop
        ("max_cooldown", np.float32),  # SMAC's divisor of the state's cooldown column
        ("shoot_range", np.float64),  # cells between centres at which SMAC lets an agent attack
        ("sight_range", np.float64),  # … and at which it sees
        ("stock_id", np.int16),  # StarCraft II's number of the unit type
        ("column", np.int8),  # of SMAC's type one-hot; -1 where there is none
        ("hits", np.int8),  # per shot
        ("bonus_against", np.int8),
        ("attributes", np.int8),
        ("layer", np.int8),
        ("weapon", np.int8),
        ("hits_ground", np.bool_),
        ("hits_air", np.bool_),
        ("is_ground", np.bool_),  # can be hit as a ground unit
        ("is_air", np.bool_),  # can be hit as an air unit
    ],
    align=True,
)


class UnitData(NamedTuple):
    """One row of the table, in seconds and cells."""

    stock_id: int
    armour: float
    damage: float
    weapon_range: float
    cooldown: float  # seconds
    speed: float  # cells per second
    radius: float
    separation: float
    max_cooldown: float  # loops, SMAC's table
    attributes: int
    bonus: float = 0.0
    bonus_against: int = 0
    hits: int = 1
    layer: int = GROUND
    weapon: int = PLAIN
    hits_air: bool = False
    is_air: bool = False
    is_ground: bool = True
    is_zerg: bool = False
    energy: float = 0.0


UNIT_DATA: dict[str, UnitData] = {
    "marine": UnitData(48, 0, 6, 5, 0.861, 2.25, 0.375, 0.375, 15, LIGHT | BIOLOGICAL, hits_air=True),
    "marauder": UnitData(
        51, 1, 10, 6, 1.5, 2.25, 0.5625, 0.5625, 25, ARMOURED | BIOLOGICAL,
        bonus=10, bonus_against=ARMOURED, weapon=MISSILE,
    ),
    "medivac": UnitData(
        54, 1, 0, 4, 0, 2.5, 0.75, 0.75, 200, ARMOURED,
        layer=AIR, weapon=HEAL, is_air=True, is_ground=False, energy=200,
    ),
    "stalker": UnitData(
        74, 1, 13, 6, 1.87, 2.9531, 0.625, 0.625, 35, ARMOURED,
        bonus=5, bonus_against=ARMOURED, weapon=MISSILE, hits_air=True,
    ),
    "zealot": UnitData(73, 1, 8, 0.1, 1.2, 2.25, 0.5, 0.375, 22, LIGHT | BIOLOGICAL, hits=2),
    "colossus": UnitData(
        4, 1, 10, 7, 1.5, 2.25, 1.0, 0.75, 24, ARMOURED,
        bonus=5, bonus_against=LIGHT, hits=2, layer=CLIFF_WALKER, weapon=LINE_SPLASH, is_air=True,
    ),
    "zergling": UnitData(105, 0, 5, 0.1, 0.696, 2.9531, 0.375, 0.375, 11, LIGHT | BIOLOGICAL, is_zerg=True),
    "hydralisk": UnitData(
        107, 0, 12, 5, 0.825, 2.25, 0.625, 0.625, 10, LIGHT | BIOLOGICAL,
        weapon=MISSILE, hits_air=True, is_zerg=True,
    ),
    "baneling": UnitData(
        9, 0, 20, 0.25, 0, 2.5, 0.375, 0.375, 1, BIOLOGICAL,
        bonus=15, bonus_against=LIGHT, weapon=EXPLOSION, is_zerg=True,
    ),
    "spine_crawler": UnitData(
        98, 2, 25, 7, 1.85, 0, 1.125, 1.125, 15, ARMOURED | BIOLOGICAL,
        bonus=5, bonus_against=ARMOURED, is_zerg=True,
    ),
}  # fmt: skip
# SMAC's maps bring allies of their own, which differ from the stock units in these points.
ALLY_HEALTH = {"hydralisk": 80.0}
ALLY_SPEED = {"medivac": 2.75}
MEDIVAC_START_ENERGY = 50.0


def kinds_of(game: SmacMap) -> tuple[np.ndarray, tuple[str, ...]]:
    """The kinds on a map: first the allies', then the enemies', each in the order of the map's armies.

    Returns:
        ([K] KIND, the K unit names). A kind that both sides have stands there twice, as allies may differ.
    """
    ours, theirs = game.kinds
    names = (*ours, *theirs)
    kinds = np.zeros(len(names), KIND)
    for i, name in enumerate(names):
        _fill(kinds[i], name, game, ally=i < len(ours))
    return kinds, names


def _fill(kind: np.void, name: str, game: SmacMap, *, ally: bool) -> None:
    data = UNIT_DATA[name]
    health, shield = HEALTH[name]
    speed = ALLY_SPEED.get(name, data.speed) if ally else data.speed
    columns = game.type_columns[0 if ally else 1]
    kind["health"] = ALLY_HEALTH.get(name, health) if ally else health
    kind["shield"] = shield
    kind["range"] = data.weapon_range
    kind["scan_range"] = max(MIN_SCAN_RANGE, data.weapon_range + 0.5)
    kind["shoot_range"], kind["sight_range"] = SHOOT_RANGE, SIGHT_RANGE
    kind["cooldown"] = data.cooldown * LOOPS_PER_SECOND
    kind["speed"] = speed / LOOPS_PER_SECOND
    kind["regeneration"] = ZERG_REGENERATION if data.is_zerg else 0.0
    kind["column"] = columns.index(name) if name in columns else -1
    kind["hits_ground"] = data.weapon != HEAL
    for field in (
        "energy", "armour", "damage", "bonus", "radius", "separation", "max_cooldown", "stock_id", "hits",
        "bonus_against", "attributes", "layer", "weapon", "hits_air", "is_ground", "is_air",
    ):  # fmt: skip
        kind[field] = getattr(data, field)
