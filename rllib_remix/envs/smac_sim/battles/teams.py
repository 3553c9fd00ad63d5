"""SMACv2's chance: which units both armies consist of, and where they start, drawn anew for every episode.

The distributions are those of SMACv2's distributions.py, its order of the units included.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.capabilities import Capabilities
from rllib_remix.envs.smac.maps import SmacMap
from rllib_remix.envs.smac_sim.battles.chance import next_below, uniform
from rllib_remix.envs.smac_sim.battles.layouts import spots_around
from rllib_remix.envs.smac_sim.battles.movement import can_stand

ALLIES_AT, ENEMIES_AT = (8.0, 16.0), (24.0, 16.0)  # where SMACv2 puts armies without start_positions
MIDDLE_GAP = 1.0  # cells from the middle line in which no reflected ally starts
CENTRE_OFFSET = 2.0  # cells from the centre, along x and y, at which the diagonals of surrounding enemies end
FIXED, DRAWN = 0, 1


class TeamDraw(NamedTuple):
    """How armies are drawn, as numbers for compiled code; nothing is drawn unless `draws`."""

    draws: bool
    shares: np.ndarray  # [K / 2] float64: of the allies' kinds, added up
    is_exception: np.ndarray  # [K / 2] bool: kinds that must not make up an army
    starts: int  # FIXED or DRAWN
    share_reflected: float
    map_x: float  # cells
    map_y: float
    spots: np.ndarray  # [S, 2] float32: offsets from a point, the nearest first, at which units are created


def team_draw(game: SmacMap, capabilities: Capabilities | None) -> TeamDraw:
    """The numbers of one map; without capabilities its armies are always the same."""
    if capabilities is None:
        nothing = np.zeros(0)
        return TeamDraw(False, nothing, nothing > 0, FIXED, 0.0, 0.0, 0.0, np.zeros((0, 2), np.float32))
    starts = capabilities.starts
    return TeamDraw(
        draws=True,
        shares=np.cumsum(capabilities.shares),
        is_exception=np.array([name in capabilities.exceptions for name in game.drawn], np.bool_),
        starts=FIXED if starts is None else DRAWN,
        share_reflected=0.0 if starts is None else starts.share_reflected,
        map_x=0.0 if starts is None else starts.map_x,
        map_y=0.0 if starts is None else starts.map_y,
        spots=spots_around().astype(np.float32),
    )


@kernel
def draw_armies(battle, draw, kinds, ground, unit_kinds, starts):
    """Writes the kinds [M] and starting points [M, 2] of both armies; the allies in the order of their kinds."""
    n = battle.n_agents
    _draw_kinds(battle, draw, n, unit_kinds)
    if draw.starts == FIXED:
        starts[:n, 0], starts[:n, 1] = ALLIES_AT[0], ALLIES_AT[1]
        starts[n:, 0], starts[n:, 1] = ENEMIES_AT[0], ENEMIES_AT[1]
    elif uniform(battle) >= draw.share_reflected:
        _surround(battle, draw, n, starts)
    else:
        _reflect(battle, draw, n, starts)
    for i in range(len(unit_kinds)):
        _find_room(draw.spots, kinds, ground, unit_kinds, starts, i)
    _sort_by_kind(unit_kinds[:n], starts[:n])


@kernel
def _draw_kinds(battle, draw, n, unit_kinds):
    """The enemies are as the allies; further enemies are a team of their own."""
    half = len(draw.shares)
    _draw_team(battle, draw, unit_kinds[:n])
    shared = min(n, len(unit_kinds) - n)
    for i in range(shared):
        unit_kinds[n + i] = unit_kinds[i] + half
    if n + shared < len(unit_kinds):
        _draw_team(battle, draw, unit_kinds[n + shared :])
        for i in range(n + shared, len(unit_kinds)):
            unit_kinds[i] += half


@kernel
def _draw_team(battle, draw, team):
    """Kinds by their shares, again and again until not all of them are exceptions."""
    is_team = False
    while not is_team:
        for i in range(len(team)):
            number = uniform(battle) * draw.shares[-1]
            kind = 0
            while draw.shares[kind] <= number:
                kind += 1
            team[i] = kind
            is_team = is_team or not draw.is_exception[kind]


@kernel
def _reflect(battle, draw, n, starts):
    """Allies anywhere in the west, enemies mirrored at the middle line; further enemies anywhere in the east."""
    for i in range(n):
        starts[i, 0] = uniform(battle) * (draw.map_x / 2.0 - MIDDLE_GAP)
        starts[i, 1] = uniform(battle) * draw.map_y
    for i in range(n, len(starts)):
        if i < 2 * n:
            starts[i, 0], starts[i, 1] = draw.map_x - starts[i - n, 0], starts[i - n, 1]
        else:
            starts[i, 0] = draw.map_x * (0.5 + 0.5 * uniform(battle))
            starts[i, 1] = draw.map_y * uniform(battle)


@kernel
def _surround(battle, draw, n, starts):
    """Allies at the centre; enemies in one to four groups, each on a diagonal of its own, between corner and centre."""
    middle_x, middle_y = draw.map_x / 2.0, draw.map_y / 2.0
    starts[:n, 0], starts[:n, 1] = middle_x, middle_y
    groups = 1 + next_below(battle, 4)
    sizes = np.zeros(4, np.int64)
    for _ in range(n, len(starts)):
        sizes[next_below(battle, groups)] += 1
    corners = np.arange(4)
    first = n
    for group in range(groups):
        other = group + next_below(battle, 4 - group)
        corners[group], corners[other] = corners[other], corners[group]
        east, north = corners[group] // 2, corners[group] % 2
        nearness = uniform(battle)  # 0: in the corner
        inner_x = middle_x + CENTRE_OFFSET * (2 * east - 1)
        inner_y = middle_y + CENTRE_OFFSET * (2 * north - 1)
        last = first + sizes[group]
        starts[first:last, 0] = inner_x * nearness + draw.map_x * east * (1.0 - nearness)
        starts[first:last, 1] = inner_y * nearness + draw.map_y * north * (1.0 - nearness)
        first = last


@kernel
def _find_room(spots, kinds, ground, unit_kinds, starts, number):
    """Moves a unit's start to the nearest spot that is walkable and free of the units before it."""
    kind = kinds[unit_kinds[number]]
    for spot in range(len(spots)):
        x, y = starts[number, 0] + spots[spot, 0], starts[number, 1] + spots[spot, 1]
        if not can_stand(ground, kind.layer, x, y):
            continue
        free = True
        for i in range(number):
            other = kinds[unit_kinds[i]]
            dx, dy = starts[i, 0] - x, starts[i, 1] - y
            apart = kind.separation + other.separation - np.float32(1e-4)
            if other.layer == kind.layer and dx * dx + dy * dy < apart * apart:
                free = False
                break
        if free:
            starts[number, 0], starts[number, 1] = x, y
            return


@kernel
def _sort_by_kind(unit_kinds, starts):
    """A stable sort, each start along with its kind."""
    for i in range(1, len(unit_kinds)):
        kind, x, y = unit_kinds[i], starts[i, 0], starts[i, 1]
        j = i
        while j > 0 and unit_kinds[j - 1] > kind:
            unit_kinds[j], starts[j, 0], starts[j, 1] = unit_kinds[j - 1], starts[j - 1, 0], starts[j - 1, 1]
            j -= 1
        unit_kinds[j], starts[j, 0], starts[j, 1] = kind, x, y
