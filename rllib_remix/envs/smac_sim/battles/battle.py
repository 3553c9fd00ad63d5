"""Battles by the loop: armies, orders and time, without SMAC's view of them."""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.random_streams import new_streams
from rllib_remix.envs.smac.capabilities import Capabilities
from rllib_remix.envs.smac.maps import SmacMap, smac_map
from rllib_remix.envs.smac_sim.battles.behaviour import act
from rllib_remix.envs.smac_sim.battles.chance import next_bits, uniform
from rllib_remix.envs.smac_sim.battles.combat import can_hit, explode_dead, fly_missiles, recover
from rllib_remix.envs.smac_sim.battles.layouts import ATTACK, IDLE, MEND, MOVE
from rllib_remix.envs.smac_sim.battles.movement import separate, shift
from rllib_remix.envs.smac_sim.battles.teams import draw_armies
from rllib_remix.envs.smac_sim.battles.terrain import terrain_of
from rllib_remix.envs.smac_sim.battles.units import HEAL, MEDIVAC_START_ENERGY, SHIELD_DELAY, kinds_of
from rllib_remix.envs.smac_sim.battles.world import START_JITTER, World, new_world


@kernel
def new_armies(world, copy):
    """Both armies of a copy anew: the map's, or those that chance draws."""
    battle, units = world.battles[copy], world.units[copy]
    if world.draw.draws:
        unit_kinds, starts = world.drawn_kinds[copy], world.drawn_starts[copy]
        draw_armies(battle, world.draw, world.kinds, world.ground, unit_kinds, starts)
        _create_armies(battle, units, world.kinds, world.ground, unit_kinds, starts, world.goal, 0.0)
    else:
        _create_armies(
            battle, units, world.kinds, world.ground, world.unit_kinds, world.starts, world.goal, START_JITTER
        )
        _number(units, battle.n_agents, len(units), -1)
    _number(units, 0, battle.n_agents, 1)


@kernel
def _create_armies(battle, units, kinds, ground, unit_kinds, starts, goal, jitter):
    """Both armies anew at their starting points, moved by chance, at most by `jitter` cells in each direction."""
    battle.loop = 0
    place = uniform(battle)
    for i in range(len(units)):
        unit, kind = units[i], kinds[unit_kinds[i]]
        unit.kind, unit.facing = unit_kinds[i], 0
        unit.x, unit.y = starts[i, 0], starts[i, 1]
        dx = np.float32(jitter * (2.0 * uniform(battle) - 1.0))
        dy = np.float32(jitter * (2.0 * uniform(battle) - 1.0))
        if kind.speed > 0.0:
            shift(ground, unit, kind.layer, dx, dy)
        unit.health, unit.shield = kind.health, kind.shield
        unit.energy = min(kind.energy, np.float32(MEDIVAC_START_ENERGY))
        unit.cooldown = unit.missile = 0.0
        unit.last_hit = -SHIELD_DELAY
        unit.target = unit.missile_target = -1
        unit.order = battle.enemy_order if i >= battle.n_agents else IDLE
        unit.goal_x = goal[0, 0] + place * (goal[1, 0] - goal[0, 0])
        unit.goal_y = goal[0, 1] + place * (goal[1, 1] - goal[0, 1])
        unit.holds = unit.fired = unit.exploded = False
        unit.right_handed = uniform(battle) < 0.5
    separate(units, kinds, ground, uniform(battle) < 0.5)


@kernel
def _number(units, first, last, sign):
    """Numbers the units of a side by kind, then x, then y, as SMAC does its agents; the enemies (sign −1) mirrored.

    All but their places is equal at the start, so places are exchanged within a kind.
    """
    for i in range(first + 1, last):
        x, y = units[i].x, units[i].y
        j = i
        while j > first and units[j - 1].kind == units[i].kind:
            before = units[j - 1]
            if sign * before.x < sign * x or (before.x == x and sign * before.y <= sign * y):
                break
            units[j].x, units[j].y = before.x, before.y
            j -= 1
        units[j].x, units[j].y = x, y


@kernel
def advance(battle, units, kinds, ground, ways, loops):
    """Game loops of one copy. In each loop chance decides which side acts first, and in which order each side does."""
    count = len(units)
    coins = np.uint64(0)
    for i in range(count):
        units[i].fired = False
    for loop in range(loops):
        if loop % 32 == 0:
            coins = next_bits(battle)
        backwards = coins & np.uint64(1) == 1
        first = battle.n_agents if coins & np.uint64(2) else 0
        coins >>= np.uint64(2)
        battle.loop += 1
        if battle.has_missiles:
            fly_missiles(battle, units, kinds)
        for k in range(count):
            number = (count - 1 - k if backwards else k) + first
            number -= count if number >= count else 0
            if units[number].health > 0.0:
                recover(kinds, units[number], battle.loop)
                act(battle, units, kinds, ground, ways, number)
        if battle.has_explosions:
            explode_dead(battle, units, kinds)
        separate(units, kinds, ground, backwards)


@kernel
def give_order(units, kinds, number, order, target, x, y):
    """A new order for an ally; one that it cannot carry out (a weapon that does not work there) changes nothing."""
    unit = units[number]
    if order == ATTACK and not can_hit(kinds, unit, units[target]):
        return
    if order == MEND and kinds[unit.kind].weapon != HEAL:
        return
    unit.order, unit.target = order, target
    unit.goal_x, unit.goal_y = x, y


@kernel
def _give_order(world, copy, number, order, target, x, y):
    give_order(world.units[copy], world.kinds, number, order, target, x, y)


@kernel
def _advance(world, copy, loops):
    advance(world.battles[copy], world.units[copy], world.kinds, world.ground, world.ways, loops)


class Battle:
    """N battles on one map at once: units, orders and game loops, no agents' view and no rewards.

    Args:
        game: one of SMAC's 23 maps, or its name; or one of SMACv2's, for armies of some size.
        capabilities: how the armies of SMACv2's maps are drawn.
        num_envs: copies N, each on a random stream of its own.

    Attributes:
        world: the arrays that compiled code works on.
        units: [N, M] structured (world.UNIT), allies first; may be read at any time.
        kinds, kind_names: what units can do, and what they are called; `units["kind"]` is an index into both.
        pathing, heights: [32, 32] bool and uint8, indexed [x, y].
    """

    def __init__(self, game: str | SmacMap, num_envs: int = 1, capabilities: Capabilities | None = None):
        game = smac_map(game) if isinstance(game, str) else game
        terrain = terrain_of(game.name)
        self.world: World = new_world(game, num_envs, capabilities)
        self.units, self.kinds = self.world.units, self.world.kinds
        self.kind_names = kinds_of(game)[1]
        self.n_agents, self.n_enemies = game.n_agents, game.n_enemies
        self.pathing, self.heights = terrain.walkable, terrain.heights

    def seed(self, seed: int | None) -> None:
        """Starts the random streams anew: that of copy i from `seed` and i alone."""
        self.world.battles["stream"] = new_streams(seed, len(self.units))

    def reset(self, copy: int) -> None:
        """Both armies of one copy anew."""
        new_armies(self.world, copy)

    def stop(self, copy: int, unit: int) -> None:
        """The ally stands and does nothing."""
        _give_order(self.world, copy, unit, IDLE, -1, 0.0, 0.0)

    def move(self, copy: int, unit: int, x: float, y: float) -> None:
        """The ally walks straight towards a point, in cells."""
        _give_order(self.world, copy, unit, MOVE, -1, float(x), float(y))

    def attack(self, copy: int, unit: int, target: int) -> None:
        """The ally goes after the target and shoots; ignored if its weapon cannot hit such a unit."""
        _give_order(self.world, copy, unit, ATTACK, target, 0.0, 0.0)

    def heal(self, copy: int, unit: int, target: int) -> None:
        """The medivac goes to the target and heals it; other units ignore it."""
        _give_order(self.world, copy, unit, MEND, target, 0.0, 0.0)

    def advance(self, copy: int, loops: int) -> None:
        """Lets time pass in one copy."""
        _advance(self.world, copy, loops)
