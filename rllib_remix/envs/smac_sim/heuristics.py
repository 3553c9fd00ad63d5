"""Scripted teams to compare learners with: `nearest`, `weakest`, and SMAC's own script (`heuristic_ai`).

All of them see the whole map. `units` and `kinds` are the arrays of one copy; targets are counted from 0, as actions
count them: enemies for who attacks, allies for a medivac.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.actions import EAST, FIRST_TARGET, NO_OP, NORTH, SOUTH, STOP, WEST
from rllib_remix.envs.smac_sim.combat import can_be_healed
from rllib_remix.envs.smac_sim.units import HEAL

if TYPE_CHECKING:
    from rllib_remix.envs.smac_sim.simulator import SmacSim

NOBODY = -1


def nearest_actions(env: SmacSim) -> np.ndarray:
    """Everyone attacks the nearest enemy in reach, or else walks towards the nearest there is.

    Walking is along the larger of the two offsets, along the other where that is blocked. A medivac heals the wounded
    ally in reach with the least health, or else goes to the nearest wounded, or else the nearest ally.

    Args:
        env: is only read.

    Returns:
        [N, n] int64, all available.
    """
    return _team_actions(env, weakest=False)


def weakest_actions(env: SmacSim) -> np.ndarray:
    """As `nearest_actions`, but of the enemies in reach the one with the least health and shield is attacked."""
    return _team_actions(env, weakest=True)


def _team_actions(env: SmacSim, *, weakest: bool) -> np.ndarray:
    actions = np.empty((env.num_envs, env.n_agents), np.int64)
    battle, avail = env.battle, env.current().avail_actions
    _choose_all(battle.units, battle.kinds, env.options.map.heals, weakest, avail, actions)
    return actions


@kernel
def _choose_all(units, kinds, heals, weakest, avail, actions):
    copies, n_agents = actions.shape
    for copy in range(copies):
        for agent in range(n_agents):
            actions[copy, agent] = _choose(
                units[copy], kinds, n_agents, agent, heals, weakest, avail[copy, agent]
            )


@kernel
def _choose(units, kinds, n_agents, agent, heals, weakest, avail):
    """The action of one agent; `avail` is its mask."""
    unit = units[agent]
    if unit.health <= 0.0:
        return NO_OP
    if heals and kinds[unit.kind].weapon == HEAL:
        patient = _most_wounded(units, kinds, n_agents, avail)
        if patient != NOBODY:
            return FIRST_TARGET + patient
        goal = _nearest_wounded(units, kinds, n_agents, agent)
        if goal == NOBODY:
            goal = _nearest_ally(units, n_agents, agent)
        return _step_closer(units, agent, goal, avail)
    target = _in_reach(units, n_agents, agent, weakest, avail)
    if target != NOBODY:
        return FIRST_TARGET + target
    return _step_closer(units, agent, _nearest_enemy(units, n_agents, agent), avail)


@kernel
def _squared_distance(one, other):
    dx, dy = np.float64(other.x) - np.float64(one.x), np.float64(other.y) - np.float64(one.y)
    return dx * dx + dy * dy


@kernel
def _in_reach(units, n_agents, agent, weakest, avail):
    """The enemy to attack, of those that the mask allows: the weakest (of equals the nearest), or the nearest."""
    best, least, shortest = NOBODY, np.inf, np.inf
    for k in range(len(units) - n_agents):
        if avail[FIRST_TARGET + k]:
            enemy = units[n_agents + k]
            strength = np.float64(enemy.health) + np.float64(enemy.shield) if weakest else 0.0
            distance = _squared_distance(units[agent], enemy)
            if strength < least or (strength == least and distance < shortest):
                best, least, shortest = k, strength, distance
    return best


@kernel
def _most_wounded(units, kinds, n_agents, avail):
    """The ally to heal, of those that the mask allows: the wounded one with the least health."""
    best, least = NOBODY, np.float32(np.inf)
    for k in range(n_agents):
        if avail[FIRST_TARGET + k] and can_be_healed(kinds, units[k]) and units[k].health < least:
            best, least = k, units[k].health
    return best


@kernel
def _nearest_enemy(units, n_agents, agent):
    """Number of a unit, not of a target; NOBODY if no enemy lives."""
    best, shortest = NOBODY, np.inf
    for i in range(n_agents, len(units)):
        distance = _squared_distance(units[agent], units[i])
        if units[i].health > 0.0 and distance < shortest:
            best, shortest = i, distance
    return best


@kernel
def _nearest_wounded(units, kinds, n_agents, agent):
    best, shortest = NOBODY, np.inf
    for i in range(n_agents):
        distance = _squared_distance(units[agent], units[i])
        if i != agent and can_be_healed(kinds, units[i]) and distance < shortest:
            best, shortest = i, distance
    return best


@kernel
def _nearest_ally(units, n_agents, agent):
    best, shortest = NOBODY, np.inf
    for i in range(n_agents):
        distance = _squared_distance(units[agent], units[i])
        if i != agent and units[i].health > 0.0 and distance < shortest:
            best, shortest = i, distance
    return best


@kernel
def _step_closer(units, agent, goal, avail):
    """The move towards unit number `goal` along the larger offset, or the other, or none."""
    if goal == NOBODY:
        return STOP
    first, second = _moves_towards(units[agent], units[goal])
    if avail[first]:
        return first
    return second if avail[second] else STOP


@kernel
def _moves_towards(unit, goal):
    """The two moves that bring a unit closer, that along the larger offset first."""
    dx, dy = np.float64(goal.x) - np.float64(unit.x), np.float64(goal.y) - np.float64(unit.y)
    along_x, along_y = EAST if dx > 0.0 else WEST, NORTH if dy > 0.0 else SOUTH
    if abs(dx) > abs(dy):
        return along_x, along_y
    return along_y, along_x


@kernel
def follow_script(units, kinds, heals, rests, over, avail, targets, actions):
    """SMAC's `heuristic_ai`: everyone attacks the nearest enemy until it dies, at any distance.

    Marauders pick medivacs too, which they cannot hit: SMAC means them not to, but looks for the number of the allies'
    type. A medivac heals the nearest wounded ally until it is well, and does nothing new where nobody is wounded: then
    its action is no-op, although it lives.

    Args:
        units: [N, M] UNIT.
        kinds: [K] KIND.
        heals: whether medivacs heal on this map.
        rests: SMAC's `heuristic_rest`: who cannot attack by the mask moves along the larger offset instead, whether
            the mask allows that or not.
        over: [N] bool, copies that start anew: their targets are forgotten, their actions stay.
        avail: [N, n, A] bool.
        targets: [N, n] int64, kept from step to step; changed in place.
        actions: [N, n] int64, written in place.
    """
    copies, n_agents = actions.shape
    for copy in range(copies):
        if over[copy]:
            targets[copy] = NOBODY
            continue
        for agent in range(n_agents):
            healer = heals and kinds[units[copy, agent].kind].weapon == HEAL
            target = _keep_target(units[copy], kinds, n_agents, agent, healer, targets[copy, agent])
            targets[copy, agent] = target
            actions[copy, agent] = _scripted_action(
                units[copy], n_agents, agent, healer, rests, target, avail[copy, agent]
            )


@kernel
def _keep_target(units, kinds, n_agents, agent, healer, target):
    """The same target as before, if there is still something to do, else a new one."""
    if healer:
        if target != NOBODY and can_be_healed(kinds, units[target]):
            return target
        return _nearest_wounded(units, kinds, n_agents, agent)
    if target != NOBODY and units[n_agents + target].health > 0.0:
        return target
    nearest = _nearest_enemy(units, n_agents, agent)
    return NOBODY if nearest == NOBODY else nearest - n_agents


@kernel
def _scripted_action(units, n_agents, agent, healer, rests, target, avail):
    if units[agent].health <= 0.0 or target == NOBODY:
        return NO_OP
    if rests and not avail[FIRST_TARGET + target]:
        move, _ = _moves_towards(units[agent], units[target if healer else n_agents + target])
        return move
    return FIRST_TARGET + target
