"""Scripted teams to compare learners with: `nearest` and `weakest`.

Both see the whole map. `units` and `kinds` are the arrays of one copy; targets are counted from 0, as actions count
them: enemies for who attacks, allies for a medivac.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.actions import FIRST_TARGET, NO_OP, STOP
from rllib_remix.envs.smac_sim.battles.combat import can_be_healed
from rllib_remix.envs.smac_sim.battles.units import HEAL
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.smac_sim.targets import (
    NOBODY,
    moves_towards,
    nearest_enemy,
    nearest_wounded,
    squared_distance,
)


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
    _choose_all(env.rules, battle.units, battle.kinds, weakest, avail, actions)
    return actions


@kernel
def _choose_all(rules, units, kinds, weakest, avail, actions):
    copies, n_agents = actions.shape
    for copy in range(copies):
        for agent in range(n_agents):
            actions[copy, agent] = _choose(
                rules, units[copy], kinds, n_agents, agent, weakest, avail[copy, agent]
            )


@kernel
def _choose(rules, units, kinds, n_agents, agent, weakest, avail):
    """The action of one agent; `avail` is its mask."""
    unit = units[agent]
    if unit.health <= 0.0:
        return NO_OP
    targets = avail[rules.first_target :]
    # Where SMACv2's action_mask is off, the mask does not say what is in reach.
    reach = np.inf if rules.action_mask else kinds[unit.kind].shoot_range
    if rules.heals and kinds[unit.kind].weapon == HEAL:
        target = _most_wounded(units, kinds, n_agents, agent, reach, targets)
        goal = nearest_wounded(units, kinds, n_agents, agent)
        if goal == NOBODY:
            goal = _nearest_ally(units, n_agents, agent)
    else:
        target = _in_reach(units, n_agents, agent, weakest, reach, targets)
        goal = nearest_enemy(units, n_agents, agent)
    if target != NOBODY:
        return rules.first_target + target
    shoot_range = kinds[unit.kind].shoot_range
    if rules.turns > 0 and goal != NOBODY and squared_distance(unit, units[goal]) <= shoot_range**2:
        return _turn_to(rules.turns, unit, units[goal])
    return _step_closer(units, agent, goal, avail)


@kernel
def _turn_to(turns, unit, goal):
    """The action that looks most nearly at a unit (SMACv2's field of view)."""
    angle = np.arctan2(np.float64(goal.y) - np.float64(unit.y), np.float64(goal.x) - np.float64(unit.x))
    return FIRST_TARGET + int(np.floor(angle / (2.0 * np.pi) * turns + 0.5)) % turns


@kernel
def _in_reach(units, n_agents, agent, weakest, reach, targets):
    """The enemy to attack, of those that the mask allows: the weakest (of equals the nearest), or the nearest."""
    best, least, shortest = NOBODY, np.inf, np.inf
    for k in range(len(units) - n_agents):
        if targets[k]:
            enemy = units[n_agents + k]
            strength = np.float64(enemy.health) + np.float64(enemy.shield) if weakest else 0.0
            distance = squared_distance(units[agent], enemy)
            if distance > reach * reach:
                continue
            if strength < least or (strength == least and distance < shortest):
                best, least, shortest = k, strength, distance
    return best


@kernel
def _most_wounded(units, kinds, n_agents, agent, reach, targets):
    """The ally to heal, of those that the mask allows: the wounded one with the least health."""
    best, least = NOBODY, np.float32(np.inf)
    for k in range(min(n_agents, len(targets))):
        near = targets[k] and squared_distance(units[agent], units[k]) <= reach * reach
        if near and can_be_healed(kinds, units[k]) and units[k].health < least:
            best, least = k, units[k].health
    return best


@kernel
def _nearest_ally(units, n_agents, agent):
    best, shortest = NOBODY, np.inf
    for i in range(n_agents):
        distance = squared_distance(units[agent], units[i])
        if i != agent and units[i].health > 0.0 and distance < shortest:
            best, shortest = i, distance
    return best


@kernel
def _step_closer(units, agent, goal, avail):
    """The move towards unit number `goal` along the larger offset, or the other, or none."""
    if goal == NOBODY:
        return STOP
    first, second = moves_towards(units[agent], units[goal])
    if avail[first]:
        return first
    return second if avail[second] else STOP
