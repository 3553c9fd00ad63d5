"""The data of N battles on one map, as plain arrays that compiled code can work on."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from rllib_remix.envs.random_streams import new_streams
from rllib_remix.envs.smac.capabilities import Capabilities
from rllib_remix.envs.smac.maps import SmacMap
from rllib_remix.envs.smac_sim.battles.layouts import formation, layout_of
from rllib_remix.envs.smac_sim.battles.teams import TeamDraw, team_draw
from rllib_remix.envs.smac_sim.battles.terrain import terrain_of
from rllib_remix.envs.smac_sim.battles.units import EXPLOSION, MISSILE, kinds_of

START_JITTER = 0.2  # cells by which chance moves a unit's start, in each direction

UNIT = np.dtype(
    [
        ("x", np.float32),  # cells, grows east
        ("y", np.float32),  # cells, grows north
        ("health", np.float32),  # 0: dead
        ("shield", np.float32),
        ("energy", np.float32),
        ("cooldown", np.float32),  # loops until the weapon is ready; a fraction below 0 is carried over
        ("goal_x", np.float32),  # of MOVE and ATTACK_MOVE
        ("goal_y", np.float32),
        ("missile", np.float32),  # loops until the missile in flight arrives; 0: there is none
        ("last_hit", np.int32),  # game loop of the last damage
        ("target", np.int16),  # unit that it attacks or heals; −1: none
        ("missile_target", np.int16),
        ("kind", np.int8),
        ("facing", np.int8),  # direction of an ally's field of view, by the number of its action (SMACv2)
        ("order", np.int8),
        ("holds", np.bool_),  # stands its ground in this loop, because it attacks
        ("fired", np.bool_),  # did so, or healed, since the last call of `advance`
        ("exploded", np.bool_),
        ("right_handed", np.bool_),  # on which side it slips past who stands in its way; by chance
    ],
    align=True,
)
BATTLE = np.dtype(
    [
        ("stream", np.uint64),  # random stream of the copy
        ("loop", np.int32),  # game loops since the armies were created
        ("n_agents", np.int32),
        ("enemy_order", np.int8),
        ("has_missiles", np.bool_),
        ("has_explosions", np.bool_),
        ("allies_scripted", np.bool_),  # allies fight by the enemies' script, which shows whether it is fair
    ],
    align=True,
)


class World(NamedTuple):
    """N copies of a battle of M units; allies come first, in the order of agent ids.

    Kernels take the parts that they work on one by one: reference counts of arrays inside a tuple cost more than
    the battles themselves.
    """

    battles: np.ndarray  # [N] BATTLE
    units: np.ndarray  # [N, M] UNIT
    kinds: np.ndarray  # [K] KIND
    ground: np.ndarray  # [32, 32] uint8, see Terrain
    ways: np.ndarray  # see Terrain
    unit_kinds: np.ndarray  # [M] int8: kind of every unit at the start
    starts: np.ndarray  # [M, 2] float32: where units are created, before chance moves them
    draw: TeamDraw  # how armies are drawn, where they are
    drawn_kinds: np.ndarray  # [N, M] int8: the latest draw of every copy, in the place of `unit_kinds`
    drawn_starts: np.ndarray  # [N, M, 2] float32: … and of `starts`
    goal: np.ndarray  # [2, 2] float32: ends of the segment on which the enemies' goal is drawn


def new_world(game: SmacMap, num_envs: int, capabilities: Capabilities | None = None) -> World:
    """N battles on one map, not yet started; armies are drawn by the capabilities, or are the map's."""
    kinds, _ = kinds_of(game)
    is_drawn, units = capabilities is not None, game.n_agents + game.n_enemies
    unit_kinds = np.zeros(units, np.int8) if is_drawn else _unit_kinds(game)
    terrain, layout = terrain_of(game.name), layout_of(game)
    battles = np.zeros(num_envs, BATTLE)
    battles["stream"] = new_streams(None, num_envs)
    battles["n_agents"] = game.n_agents
    battles["enemy_order"] = layout.enemy_order
    battles["has_missiles"] = (kinds["weapon"] == MISSILE).any()
    battles["has_explosions"] = (kinds["weapon"] == EXPLOSION).any()
    return World(
        battles=battles,
        units=np.zeros((num_envs, len(unit_kinds)), UNIT),
        kinds=kinds,
        ground=terrain.ground,
        ways=terrain.ways,
        unit_kinds=unit_kinds,
        starts=np.zeros((units, 2), np.float32) if is_drawn else _starts(game).copy(),
        draw=team_draw(game, capabilities),
        drawn_kinds=np.zeros((num_envs * is_drawn, units), np.int8),
        drawn_starts=np.zeros((num_envs * is_drawn, units, 2), np.float32),
        goal=np.array(layout.goal, np.float32),
    )


def _unit_kinds(game: SmacMap) -> np.ndarray:
    counts = [count for _, count in (*game.allies, *game.enemies)]
    return np.repeat(np.arange(len(counts)), counts).astype(np.int8)


@functools.cache
def _starts(game: SmacMap) -> np.ndarray:
    """As `formation`; looking for free spots takes longer than everything else that a new world is made of."""
    kinds, _ = kinds_of(game)
    return formation(game, terrain_of(game.name), kinds, _unit_kinds(game))
