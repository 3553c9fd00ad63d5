"""A battle seen from above, for animations: who stands where, who hits whom, and what is left of each unit."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rllib_remix.envs.smac_sim.battles.units import AIR, GROUND

Colour = tuple[int, int, int]
Point = tuple[float, float]

SMOOTHING = 2  # drawn that many times as large, then averaged
MARGIN = 1  # cells around the ground of the battle
MIN_SIDE = 360  # pixels of the shorter side: on small ground everything is drawn larger

WALKABLE, BLOCKED, GRID = (246, 244, 239), (190, 186, 178), (120, 110, 90, 28)
ALLIES, ENEMIES = (0, 105, 180), (205, 50, 20)  # told apart by colour-blind eyes too
HEAL, WHITE, DARK = (0, 140, 80), (255, 255, 255), (35, 35, 35)
BARS: dict[str, Colour] = {"health": (95, 205, 85), "shield": (115, 210, 255), "energy": (205, 130, 240)}
SHADOW_OPACITY, FALLEN_OPACITY, AIR_OPACITY, SHOT_OPACITY = 60, 80, 170, 210  # of 255

# The letters of the maps' names, where they are not the first of the unit's; a cross for the unit that heals.
LABELS = {"marauder": "M", "medivac": "+", "zergling": "zg", "spine_crawler": "sc"}


class _Token(NamedTuple):
    """A unit in pixels of the enlarged image."""

    x: float
    y: float
    radius: float
    colour: Colour
    label: str
    layer: int  # GROUND, CLIFF_WALKER or AIR
    shares: dict[str, float]  # of the greatest health, shield and energy, where it has any


def draw_battle(
    units: np.ndarray,
    kinds: np.ndarray,
    kind_names: tuple[str, ...],
    n_agents: int,
    pathing: np.ndarray,
    *,
    shots: np.ndarray,
    cell: int = 24,
) -> np.ndarray:
    """The battlefield as a picture, north up: allies blue, enemies red, air units hollow and above the others.

    A disc has its unit's radius and a letter for the kind; an ally's id stands beside it where there is room. Bars
    over a unit are its health (green), shield (light blue) and energy (violet), as shares of the most it can have.
    A line that ends in a dot is a shot or stroke at that unit; a green one heals it. A pale cross marks where a
    unit fell. All pictures of a map have the same size and show the ground that its units can reach.

    Args:
        units: [n_units] structured: x, y (cells), health (0: dead), shield, energy, kind (index of `kinds`), target
            (index of the unit that it attacks or heals, or −1). The first `n_agents` are the allies.
        kinds: [n_kinds] structured: radius (cells), layer, and the greatest health, shield and energy.
        kind_names: the name of every kind, such as "marine".
        n_agents: number of allies.
        pathing: [width, height] bool by [x, y]: the cells that can be walked on; y grows to the north.
        shots: [n_units] bool: who fired, struck or healed during the last env step.
        cell: pixels of a cell's side; more where the picture's shorter side would come below MIN_SIDE pixels.

    Returns:
        [H, W, 3] uint8.
    """
    picture = _Picture(_reachable(pathing, units), cell)
    names = (kind_names[kind] for kind in units["kind"])
    colours = (ALLIES if index < n_agents else ENEMIES for index in range(len(units)))
    tokens = [*map(picture.token, units, kinds[units["kind"]], names, colours)]
    alive = units["health"] > 0
    for index in np.flatnonzero(~alive):
        picture.cross(tokens[index])
    pairs = [(tokens[i], tokens[units["target"][i]]) for i in np.flatnonzero(shots & (units["target"] >= 0))]
    hits = [(picture.shot(*pair), _shot_colour(*pair)) for pair in pairs]
    # Small units above large ones, and southern ones above northern ones: their bars lie behind. Air units above all.
    living = sorted((t for t, lives in zip(tokens, alive, strict=True) if lives), key=_depth)
    for token in living:
        picture.disc(token)
        if token.layer == GROUND:
            picture.bars(token)
    for hit in hits:
        picture.hit(*hit)
    for token in living:
        if token.layer != GROUND:  # These lie across others, whose discs would hide their bars.
            picture.bars(token)
    picture.ids({agent: tokens[agent] for agent in range(n_agents) if alive[agent]}, living)
    picture.counts(alive[:n_agents], alive[n_agents:])
    return picture.pixels()


def _reachable(pathing: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The part of `pathing` that is connected with where units stand or fell; some maps have ground beyond cliffs."""
    width, height = pathing.shape
    reached = np.zeros_like(pathing)
    reached[units["x"].astype(int).clip(0, width - 1), units["y"].astype(int).clip(0, height - 1)] = True
    reached &= pathing
    if not reached.any():
        return pathing
    while True:
        wider = np.pad(reached, 1)
        wider = wider[:-2] | wider[1:-1] | wider[2:]
        wider = (wider[:, :-2] | wider[:, 1:-1] | wider[:, 2:]) & pathing
        if (wider == reached).all():
            return reached
        reached = wider


class _Picture:
    """The image and what is drawn on it; lengths are in pixels of the enlarged image."""

    def __init__(self, pathing: np.ndarray, cell: int) -> None:
        columns, rows = np.flatnonzero(pathing.any(1)), np.flatnonzero(pathing.any(0))
        shown = np.pad(pathing[columns[0] : columns[-1] + 1, rows[0] : rows[-1] + 1], MARGIN)
        self._west, self._north = int(columns[0]) - MARGIN, int(rows[-1]) + 1 + MARGIN
        self._pixel = SMOOTHING  # one of the finished picture
        self._cell = max(cell, math.ceil(MIN_SIDE / min(shown.shape))) * SMOOTHING
        ground = np.array([BLOCKED, WALKABLE], np.uint8)[shown.T[::-1].astype(int)]
        width, height = (side * self._cell for side in shown.shape)
        self._image = Image.fromarray(ground).resize((width, height), Image.Resampling.NEAREST)
        self._draw = ImageDraw.Draw(self._image, "RGBA")  # Colours with a fourth number blend.
        for x in range(self._cell, width, self._cell):
            self._draw.line((x, 0, x, height), fill=GRID, width=self._pixel)
        for y in range(self._cell, height, self._cell):
            self._draw.line((0, y, width, y), fill=GRID, width=self._pixel)

    def pixels(self) -> np.ndarray:
        return np.array(self._image.reduce(SMOOTHING))

    def token(self, unit: np.void, kind: np.void, name: str, colour: Colour) -> _Token:
        return _Token(
            x=(float(unit["x"]) - self._west) * self._cell,
            y=(self._north - float(unit["y"])) * self._cell,
            radius=float(kind["radius"]) * self._cell,
            colour=colour,
            label=LABELS.get(name, name[0]),
            layer=int(kind["layer"]),
            shares={bar: min(1.0, float(unit[bar] / kind[bar])) for bar in BARS if kind[bar] > 0},
        )

    def cross(self, token: _Token) -> None:
        x, y, arm = token.x, token.y, 0.6 * token.radius
        for way in (1, -1):
            line = (x - arm, y - way * arm, x + arm, y + way * arm)
            self._draw.line(line, fill=(*token.colour, FALLEN_OPACITY), width=2 * self._pixel)

    def disc(self, token: _Token) -> None:
        centre, pixel = (token.x, token.y), self._pixel
        if token.layer == AIR:
            shadow = token.x + 0.25 * self._cell, token.y + 0.25 * self._cell
            self._draw.circle(shadow, token.radius, fill=(*DARK, SHADOW_OPACITY))
            self._draw.circle(
                centre, token.radius, fill=(*WHITE, AIR_OPACITY), outline=token.colour, width=2 * pixel
            )
        else:  # The white rim keeps neighbours apart.
            self._draw.circle(centre, token.radius, fill=token.colour, outline=WHITE, width=pixel)
        size = min(token.radius, 0.75 * self._cell) * (1.5 if len(token.label) == 1 else 1.2)
        colour = token.colour if token.layer == AIR else WHITE
        self._draw.text(centre, token.label, font=_font(round(size)), fill=colour, anchor="mm")

    def shot(self, token: _Token, target: _Token) -> Point:
        """The line of a shot, and where it meets the target."""
        away_x, away_y = target.x - token.x, target.y - token.y
        distance = math.hypot(away_x, away_y) or 1.0
        # It ends at the rim, so that the target's letter stays free.
        share = max(0.0, 1.0 - 0.9 * target.radius / distance)
        # A little to the right of the straight line, so that two who shoot at each other have a line each.
        aside = 1.5 * self._pixel / distance
        x, y = token.x - aside * away_y, token.y + aside * away_x
        end = x + share * away_x, y + share * away_y
        self._draw.line(
            (x, y, *end), fill=(*_shot_colour(token, target), SHOT_OPACITY), width=2 * self._pixel
        )
        return end

    def hit(self, at: Point, colour: Colour) -> None:
        self._draw.circle(at, 2.5 * self._pixel, fill=colour, outline=WHITE, width=self._pixel)

    def bars(self, token: _Token) -> None:
        half, height = 0.9 * token.radius, 3 * self._pixel
        left, right, bottom = token.x - half, token.x + half, token.y - token.radius + 2 * self._pixel
        for bar, share in token.shares.items():
            self._draw.rectangle((left, bottom - height, right, bottom - 1), fill=DARK)
            if share > 0:
                full = left + share * (right - left)
                self._draw.rectangle((left, bottom - height, full, bottom - 1), fill=BARS[bar])
            bottom -= height + self._pixel

    def ids(self, agents: dict[int, _Token], living: list[_Token]) -> None:
        """Ids to the right or left of allies, or below, wherever no other unit is in the way."""
        font, half_height = _font(9 * self._pixel), 3.5 * self._pixel
        for agent, token in agents.items():
            half_width = font.getlength(str(agent)) / 2
            across = token.radius + 2 * self._pixel + half_width
            down = token.radius + 2 * self._pixel + half_height
            for x, y in ((token.x + across, token.y), (token.x - across, token.y), (token.x, token.y + down)):
                others = (other for other in living if other is not token)
                if all(_gap(x, y, half_width, half_height, other) > 3 * self._pixel for other in others):
                    self._text(x, y, str(agent), token.colour, size=9, anchor="mm", halo=WALKABLE)
                    break

    def counts(self, allies: np.ndarray, enemies: np.ndarray) -> None:
        """How many are left of each side, in the upper margin; arguments are [n] bool, who lives."""
        y, inset = 0.5 * MARGIN * self._cell, 0.5 * self._cell
        self._text(inset, y, f"allies {allies.sum()} of {len(allies)}", ALLIES, size=12, anchor="lm")
        right = self._image.width - inset
        self._text(right, y, f"enemies {enemies.sum()} of {len(enemies)}", ENEMIES, size=12, anchor="rm")

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        colour: Colour,
        *,
        size: int,
        anchor: str,
        halo: Colour | None = None,
    ) -> None:
        self._draw.text(
            (x, y), text, font=_font(size * self._pixel), fill=colour, anchor=anchor,
            stroke_width=self._pixel if halo else 0, stroke_fill=halo,
        )  # fmt: skip


def _depth(token: _Token) -> tuple[bool, float, float]:
    """What is drawn later is larger here."""
    return token.layer == AIR, -token.radius, token.y


def _shot_colour(token: _Token, target: _Token) -> Colour:
    return HEAL if target.colour == token.colour else token.colour


def _gap(x: float, y: float, half_width: float, half_height: float, token: _Token) -> float:
    """Pixels between a box about (x, y) and a unit's disc; negative where they overlap."""
    outside = max(abs(token.x - x) - half_width, 0.0), max(abs(token.y - y) - half_height, 0.0)
    return math.hypot(*outside) - token.radius


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)  # type: ignore[return-value]
