"""Pictures of battles laid by hand: what stands at a place is asked of the pixels."""

import numpy as np
import pytest

from rllib_remix.envs.smac.maps import MAPS, smac_map
from rllib_remix.envs.smac_sim import drawing
from rllib_remix.envs.smac_sim.battles.terrain import terrain_of
from rllib_remix.envs.smac_sim.battles.units import kinds_of
from rllib_remix.envs.smac_sim.drawing import (
    ALLIES,
    BARS,
    BLOCKED,
    DARK,
    ENEMIES,
    HEAL,
    WALKABLE,
    draw_battle,
)

CELL = 24
UNIT = [(name, np.float32) for name in ("x", "y", "health", "shield", "energy")]
UNIT += [("kind", np.int8), ("target", np.int16)]


class Battle:
    """A map with every unit at full health on one spot each, allies in the west; y is 10 for the first of a side."""

    def __init__(self, map_name: str):
        self.game = smac_map(map_name)
        self.kinds, self.names = kinds_of(self.game)
        self.pathing = terrain_of(map_name).walkable
        counts = [count for _, count in (*self.game.allies, *self.game.enemies)]
        self.units = np.zeros(sum(counts), UNIT)
        self.units["kind"] = np.repeat(np.arange(len(counts)), counts)
        for name in ("health", "shield", "energy"):
            self.units[name] = self.kinds[name][self.units["kind"]]
        self.units["target"] = -1
        n = self.game.n_agents
        self.units["x"][:n], self.units["x"][n:] = 10.5, 20.5
        self.units["y"][:n], self.units["y"][n:] = 10.5 + np.arange(n), 10.5 + np.arange(len(self.units) - n)

    def draw(self, *shooters: int, cell: int = CELL) -> np.ndarray:
        shots = np.isin(np.arange(len(self.units)), shooters)
        n_agents = self.game.n_agents
        return draw_battle(self.units, self.kinds, self.names, n_agents, self.pathing, shots=shots, cell=cell)

    def pixel(self, picture: np.ndarray, x: float, y: float) -> tuple[int, ...]:
        """Colour at a place of the band-shaped ground, whose cells are x 0 to 31, y 8 to 23."""
        return tuple(map(int, picture[round((25 - y) * CELL), round((x + 1) * CELL)]))


def near(colour: tuple[int, ...], other: tuple[int, ...], tolerance: int = 40) -> bool:
    return max(abs(a - b) for a, b in zip(colour, other, strict=True)) <= tolerance


@pytest.mark.parametrize("name", MAPS)
def test_every_map_has_a_picture_large_enough_for_a_film(name):
    picture = Battle(name).draw()
    assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
    assert min(picture.shape[:2]) >= drawing.MIN_SIDE


def test_the_picture_is_the_walkable_area_and_one_cell_around_it():
    assert Battle("3m").draw().shape == (18 * CELL, 34 * CELL, 3)  # 16 and 32 cells


def test_ground_that_is_cut_off_from_the_battle_is_left_out():
    battle = Battle("6h_vs_8z")
    assert battle.pathing[0, 0]  # outside the cliffs
    battle.units["x"], battle.units["y"] = 14.5, 12.5
    # x 8 to 21, y 8 to 19, and the margin: 16 × 14 cells, enlarged until the shorter side has 360 pixels.
    assert battle.draw(cell=20).shape == (14 * 26, 16 * 26, 3)


def test_the_size_does_not_depend_on_who_is_where():
    battle = Battle("corridor")
    battle.units["x"], battle.units["y"] = 20.5, 20.5
    above = battle.draw()
    battle.units["x"], battle.units["y"], battle.units["health"] = 3.5, 3.5, 0
    assert battle.draw().shape == above.shape


def test_a_map_without_walls_is_shown_whole():
    assert Battle("3s_vs_5z").draw().shape == (34 * CELL, 34 * CELL, 3)


def test_north_is_up_and_east_is_right():
    battle = Battle("3m")
    battle.units["x"][0], battle.units["y"][0] = 3.5, 20.5
    picture = battle.draw()
    # Off the centre, where the letter is.
    assert battle.pixel(picture, 3.5, 20.5 - 0.27) == ALLIES
    assert battle.pixel(picture, 20.5, 10.5 - 0.27) == ENEMIES
    assert battle.pixel(picture, 3.25, 12.25) == WALKABLE
    assert battle.pixel(picture, 3.25, 7.25) == BLOCKED or near(
        battle.pixel(picture, 3.25, 7.25), BLOCKED, 10
    )


def test_the_dead_leave_a_pale_mark():
    battle = Battle("3m")
    battle.units["health"][0] = 0
    mark = battle.pixel(battle.draw(), 10.5, 10.5)
    assert mark not in (WALKABLE, ALLIES)
    assert min(mark) > 100
    assert mark[2] > mark[0]  # bluish


def test_bars_are_as_long_as_what_is_left():
    battle = Battle("3m")
    battle.units["health"][0] *= 0.5
    picture, y = battle.draw(), 10.5 + 0.375 + 0.02
    assert battle.pixel(picture, 10.5 - 0.2, y) == BARS["health"]
    assert battle.pixel(picture, 10.5 + 0.2, y) == DARK
    assert battle.pixel(picture, 10.5 + 0.2, y + 1) == BARS["health"]  # the next ally is unhurt


def test_who_has_a_shield_or_energy_has_a_bar_for_it():
    def colours(name: str) -> set[tuple[int, ...]]:
        pixels = Battle(name).draw().reshape(-1, 3)
        _, first = np.unique(pixels @ [1 << 16, 1 << 8, 1], return_index=True)
        return set(map(tuple, pixels[first].tolist()))

    assert BARS["shield"] in colours("3s_vs_3z")
    assert BARS["energy"] in colours("MMM")
    assert not {BARS["shield"], BARS["energy"]} & colours("3m")


def test_a_shot_is_a_line_in_the_colour_of_its_side():
    battle = Battle("3m")
    battle.units["target"][0], battle.units["target"][4] = 3, 1
    picture = battle.draw(0, 4)
    # Each line lies to the right of its shooter's way: the allies' to the south, the enemies' to the north.
    assert near(battle.pixel(picture, 15.25, 10.5 - 0.05), ALLIES, 60)
    assert near(battle.pixel(picture, 15.25, 11.5 + 0.08), ENEMIES, 60)
    assert not near(battle.pixel(battle.draw(), 15.25, 10.5 - 0.05), ALLIES, 60)  # a target alone is no shot


def test_two_who_shoot_at_each_other_have_a_line_each():
    battle = Battle("3m")
    battle.units["target"][0], battle.units["target"][3] = 3, 0
    picture = battle.draw(0, 3)
    assert near(battle.pixel(picture, 15.25, 10.5 - 0.05), ALLIES, 60)
    assert near(battle.pixel(picture, 15.25, 10.5 + 0.08), ENEMIES, 60)


def test_who_fired_at_nothing_that_is_left_draws_no_line():
    battle = Battle("3m")
    np.testing.assert_array_equal(battle.draw(0), battle.draw())


def test_a_heal_is_green():
    battle = Battle("MMM")
    medivac = battle.game.n_agents - 1
    battle.units["x"][medivac], battle.units["y"][medivac] = 5.5, 10.5
    battle.units["target"][medivac] = 0
    assert near(battle.pixel(battle.draw(medivac), 8.25, 10.5 - 0.05), HEAL, 60)


def test_a_unit_in_the_air_is_hollow_and_above_the_others():
    battle = Battle("MMM")
    medivac = battle.game.n_agents - 1
    battle.units["x"][medivac], battle.units["y"][medivac] = 5.5, 10.5
    inside = battle.pixel(battle.draw(), 5.5 + 0.45, 10.5)
    assert min(inside) > 230
    battle.units["x"][2], battle.units["y"][2] = 5.5 + 0.45, 10.5  # a marine goes below it
    assert battle.pixel(battle.draw(), 5.5 + 0.45, 10.5 - 0.27) not in (inside, ALLIES)


def test_an_id_stands_beside_an_ally_unless_units_crowd_it():
    battle = Battle("3m")
    battle.units["x"][:3], battle.units["y"][:3] = (10.5, 11.25, 9.75), 10.5
    below = slice(round(14.9 * CELL), round(15.5 * CELL)), slice(round(11.2 * CELL), round(11.8 * CELL))

    def is_blue_below_agent_0() -> bool:
        return any(near(pixel, ALLIES) for pixel in battle.draw()[below].reshape(-1, 3).tolist())

    assert is_blue_below_agent_0()
    battle.units["x"][3], battle.units["y"][3] = 10.5, 9.75
    assert not is_blue_below_agent_0()


def test_the_margin_counts_the_living():
    battle = Battle("3m")
    margin = slice(0, CELL)
    unhurt = battle.draw()[margin]
    battle.units["health"][0] *= 0.5
    np.testing.assert_array_equal(battle.draw()[margin], unhurt)
    battle.units["health"][0] = 0
    fewer = battle.draw()[margin]
    half = fewer.shape[1] // 2
    assert (fewer[:, :half] != unhurt[:, :half]).any()
    np.testing.assert_array_equal(fewer[:, half:], unhurt[:, half:])
