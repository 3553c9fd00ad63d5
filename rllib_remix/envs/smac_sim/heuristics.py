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
        goal = nearest_wounded(units, kinds, n_agents, agent)
        if goal == NOBODY:
            goal = _nearest_ally(units, n_agents, agent)
        return _step_closer(units, agent, goal, avail)
    target = _in_reach(units, n_agents, agent, weakest, avail)
    if target != NOBODY:
        return FIRST_TARGET + target
    return _step_closer(units, agent, nearest_enemy(units, n_agents, agent), avail)


@kernel
def _in_reach(units, n_agents, agent, weakest, avail):
    """The enemy to attack, of those that the mask allows: the weakest (of equals the nearest), or the nearest."""
    best, least, shortest = NOBODY, np.inf, np.inf
    for k in range(len(units) - n_agents):
        if avail[FIRST_TARGET + k]:
            enemy = units[n_agents + k]
            strength = np.float64(enemy.health) + np.float64(enemy.shield) if weakest else 0.0
            distance = squared_distance(units[agent], enemy)
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
