"""Figures of the units per game loop, worked out by hand from seconds: 16 loops are one second."""

import numpy as np
import pytest

from rllib_remix.envs.smac.maps import HEALTH, MAPS, smac_map
from rllib_remix.envs.smac_sim.battles import units
from rllib_remix.envs.smac_sim.battles.units import (
    AIR,
    ARMOURED,
    BIOLOGICAL,
    CLIFF_WALKER,
    EXPLOSION,
    GROUND,
    HEAL,
    LIGHT,
    LINE_SPLASH,
    MISSILE,
    PLAIN,
    UNIT_DATA,
    kinds_of,
)

# A map with the unit on the side, and where it stands in the list of kinds.
ALLY = {
    "marine": ("3m", 0),
    "marauder": ("MMM", 0),
    "medivac": ("MMM", 2),
    "stalker": ("2s3z", 0),
    "zealot": ("2s3z", 1),
    "colossus": ("2c_vs_64zg", 0),
    "hydralisk": ("6h_vs_8z", 0),
    "baneling": ("bane_vs_bane", 0),
    "zergling": ("bane_vs_bane", 1),
}
ENEMY = {
    "marine": ("3m", 1),
    "marauder": ("MMM", 4),
    "medivac": ("MMM", 5),
    "stalker": ("2s3z", 2),
    "zealot": ("2s3z", 3),
    "colossus": ("1c3s5z", 3),
    "baneling": ("so_many_baneling", 1),
    "zergling": ("corridor", 1),
    "spine_crawler": ("2s_vs_1sc", 1),
}


def kind_of(name: str, side: dict = ALLY) -> np.void:
    map_name, place = (side if name in side else ENEMY)[name]
    kinds, names = kinds_of(smac_map(map_name))
    assert names[place] == name
    return kinds[place]


# Speed in cells per loop and per env step of 8 loops.
SPEEDS = {
    "marine": (0.140625, 1.125),  # 2.25 / 16
    "marauder": (0.140625, 1.125),
    "zealot": (0.140625, 1.125),  # without Charge
    "colossus": (0.140625, 1.125),
    "hydralisk": (0.140625, 1.125),
    "stalker": (0.18456875, 1.47655),  # 2.9531 / 16
    "zergling": (0.18456875, 1.47655),  # without Metabolic Boost
    "baneling": (0.15625, 1.25),  # 2.5 / 16
    "medivac": (0.171875, 1.375),  # SMAC's own: 2.75 / 16
    "spine_crawler": (0.0, 0.0),
}


@pytest.mark.parametrize("name", SPEEDS)
def test_speed_is_a_sixteenth_of_that_per_second(name):
    per_loop, per_step = SPEEDS[name]
    speed = float(kind_of(name)["speed"])
    assert speed == pytest.approx(per_loop, rel=1e-6)
    assert 8 * speed == pytest.approx(per_step, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "loops"),
    [
        ("marine", 13.776),  # 0.861 s · 16
        ("marauder", 24.0),  # 1.5
        ("stalker", 29.92),  # 1.87
        ("zealot", 19.2),  # 1.2
        ("colossus", 24.0),
        ("zergling", 11.136),  # 0.696
        ("hydralisk", 13.2),  # 0.825
        ("spine_crawler", 29.6),  # 1.85
    ],
)
def test_cooldowns_are_sixteen_times_those_in_seconds(name, loops):
    assert float(kind_of(name)["cooldown"]) == pytest.approx(loops, rel=1e-6)


# health, shield, armour, damage, bonus, hits, range, radius, separation
@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("marine", (45, 0, 0, 6, 0, 1, 5, 0.375, 0.375)),
        ("marauder", (125, 0, 1, 10, 10, 1, 6, 0.5625, 0.5625)),
        ("medivac", (150, 0, 1, 0, 0, 1, 4, 0.75, 0.75)),
        ("stalker", (80, 80, 1, 13, 5, 1, 6, 0.625, 0.625)),
        ("zealot", (100, 50, 1, 8, 0, 2, 0.1, 0.5, 0.375)),
        ("colossus", (200, 150, 1, 10, 5, 2, 7, 1.0, 0.75)),
        ("zergling", (35, 0, 0, 5, 0, 1, 0.1, 0.375, 0.375)),
        ("hydralisk", (80, 0, 0, 12, 0, 1, 5, 0.625, 0.625)),
        ("baneling", (30, 0, 0, 20, 15, 1, 0.25, 0.375, 0.375)),
        ("spine_crawler", (300, 0, 2, 25, 5, 1, 7, 1.125, 1.125)),
    ],
)
def test_the_figures_of_a_unit_are_those_of_the_game(name, figures):
    fields = ["health", "shield", "armour", "damage", "bonus", "hits", "range", "radius", "separation"]
    kind = kind_of(name)
    assert [float(kind[field]) for field in fields] == pytest.approx(figures, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "attributes", "layer", "weapon", "hits_air"),
    [
        ("marine", LIGHT | BIOLOGICAL, GROUND, PLAIN, True),
        ("marauder", ARMOURED | BIOLOGICAL, GROUND, MISSILE, False),
        ("medivac", ARMOURED, AIR, HEAL, False),
        ("stalker", ARMOURED, GROUND, MISSILE, True),
        ("zealot", LIGHT | BIOLOGICAL, GROUND, PLAIN, False),
        ("colossus", ARMOURED, CLIFF_WALKER, LINE_SPLASH, False),
        ("zergling", LIGHT | BIOLOGICAL, GROUND, PLAIN, False),
        ("hydralisk", LIGHT | BIOLOGICAL, GROUND, MISSILE, True),
        ("baneling", BIOLOGICAL, GROUND, EXPLOSION, False),
        ("spine_crawler", ARMOURED | BIOLOGICAL, GROUND, PLAIN, False),
    ],
)
def test_attributes_layers_and_weapons_are_those_of_the_game(name, attributes, layer, weapon, hits_air):
    kind = kind_of(name)
    assert (kind["attributes"], kind["layer"], kind["weapon"]) == (attributes, layer, weapon)
    assert kind["hits_air"] == hits_air
    assert kind["hits_ground"] == (weapon != HEAL)


def test_bonus_damage_is_against_what_the_game_says():
    against = {name: UNIT_DATA[name].bonus_against for name in UNIT_DATA if UNIT_DATA[name].bonus}
    assert against == {
        "marauder": ARMOURED,
        "stalker": ARMOURED,
        "colossus": LIGHT,
        "baneling": LIGHT,
        "spine_crawler": ARMOURED,
    }


def test_only_medivacs_are_out_of_reach_of_ground_weapons_and_colossi_are_in_reach_of_all():
    ground = {name for name in UNIT_DATA if kind_of(name)["is_ground"]}
    air = {name for name in UNIT_DATA if kind_of(name)["is_air"]}
    assert ground == set(UNIT_DATA) - {"medivac"}
    assert air == {"medivac", "colossus"}


@pytest.mark.parametrize("name", UNIT_DATA)
def test_only_zerg_regenerate(name):
    # 0.2734 hp per second / 16
    zerg = name in ("zergling", "hydralisk", "baneling", "spine_crawler")
    assert float(kind_of(name)["regeneration"]) == pytest.approx(0.0170875 if zerg else 0.0, rel=1e-6)


def test_recovery_per_loop_is_a_sixteenth_of_that_per_second():
    assert units.SHIELD_DELAY == 160  # 10 s
    assert units.SHIELD_RECHARGE == 0.125  # 2 per s, 1 per env step
    assert units.HEAL_RATE == 0.5625  # 9 hp per s
    assert pytest.approx(1 / 3) == units.HEAL_COST  # energy per hp: 3 energy per s
    assert units.ENERGY_RECHARGE == 0.03515625  # 0.5625 per s
    assert (units.MIN_SHOT_DELAY, units.MAX_SHOT_DELAY) == (-1, 2)
    assert units.LEAST_DAMAGE == 0.5


def test_the_divisors_of_the_cooldown_are_those_of_smac():
    divisors = {name: float(kind_of(name)["max_cooldown"]) for name in ALLY}
    assert divisors == {
        "marine": 15,
        "marauder": 25,
        "medivac": 200,
        "stalker": 35,
        "zealot": 22,
        "colossus": 24,
        "hydralisk": 10,
        "baneling": 1,
        "zergling": 11,
    }


def test_stock_ids_are_those_of_the_game():
    assert {name: data.stock_id for name, data in UNIT_DATA.items()} == {
        "colossus": 4,
        "baneling": 9,
        "marine": 48,
        "marauder": 51,
        "medivac": 54,
        "zealot": 73,
        "stalker": 74,
        "spine_crawler": 98,
        "zergling": 105,
        "hydralisk": 107,
    }


def test_ally_medivacs_are_faster_than_the_enemys():
    # 2.75 / 16 and 2.5 / 16
    assert float(kind_of("medivac", ALLY)["speed"]) == pytest.approx(0.171875)
    assert float(kind_of("medivac", ENEMY)["speed"]) == pytest.approx(0.15625)


def test_ally_hydralisks_have_less_health_than_the_stock_unit():
    assert HEALTH["hydralisk"] == (90, 0)
    assert float(kind_of("hydralisk")["health"]) == 80


@pytest.mark.parametrize("name", sorted(set(ALLY) & set(ENEMY)))
def test_all_else_is_alike_on_both_sides(name):
    differs = {"speed", "column"}
    ally, enemy = kind_of(name, ALLY), kind_of(name, ENEMY)
    for field in ally.dtype.names:
        assert field in differs or ally[field] == enemy[field]


@pytest.mark.parametrize("name", MAPS)
def test_kinds_of_a_map_are_listed_by_side_in_the_order_of_its_armies(name):
    game = smac_map(name)
    kinds, names = kinds_of(game)
    assert names == tuple(unit for unit, _ in (*game.allies, *game.enemies))
    health = [HEALTH[unit][0] for unit in names]
    if name == "6h_vs_8z":
        health[0] = 80
    assert kinds["health"].tolist() == health
    assert [UNIT_DATA[unit].stock_id for unit in names] == kinds["stock_id"].tolist()


def test_scripted_units_notice_targets_at_5_cells_or_a_little_beyond_their_weapons():
    scan = {name: float(kind_of(name, ENEMY)["scan_range"]) for name in ENEMY}
    assert scan["zealot"] == scan["zergling"] == scan["baneling"] == 5.0
    # range + 0.5
    assert (scan["marine"], scan["stalker"], scan["colossus"], scan["spine_crawler"]) == (5.5, 6.5, 7.5, 7.5)
