"""Compiled env steps: orders in, time passes, views and rewards out, for N copies."""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.actions import EAST, FIRST_TARGET, NO_OP, NORTH, SOUTH, STOP, WEST
from rllib_remix.envs.smac_sim.battles.battle import advance, give_order, new_armies
from rllib_remix.envs.smac_sim.battles.layouts import ATTACK, IDLE, MEND, MOVE
from rllib_remix.envs.smac_sim.battles.units import HEAL
from rllib_remix.envs.smac_sim.observing import can_target, write_avail, write_obs, write_state
from rllib_remix.envs.smac_sim.scoring import GOES_ON, WON, divisor_of, final_reward, outcome, remember, score


@kernel
def step_all(rules, world, view, actions):
    """Steps every copy (finished ones start anew). Returns −1, or copy·n + agent of the first illegal action."""
    if not rules.heuristic_ai:  # Its script may order what the mask does not allow.
        illegal = _first_illegal(view.avail, view.terminated, view.truncated, actions)
        if illegal >= 0:
            return illegal
    for copy in range(len(actions)):
        over = view.terminated[copy] or view.truncated[copy]
        battle, units = world.battles[copy], world.units[copy]
        if over:
            new_armies(world, copy)
            _begin(copy, view)
            view.divisors[copy] = divisor_of(rules, units, world.kinds, battle.n_agents)
        else:
            for agent in range(actions.shape[1]):
                _give_action(rules, units, world.kinds, battle.n_agents, agent, actions[copy, agent])
            advance(battle, units, world.kinds, world.ground, world.ways, rules.step_mul)
            view.last_actions[copy] = actions[copy]
            view.steps[copy] += 1
            _finish(rules, units, world.kinds, battle.n_agents, copy, view)
        remember(units, view.totals[copy])
        _show(rules, units, world.kinds, battle.n_agents, copy, view)
    return -1


@kernel
def _first_illegal(avail, terminated, truncated, actions):
    copies, agents = actions.shape
    for copy in range(copies):
        if terminated[copy] or truncated[copy]:
            continue
        for agent in range(agents):
            action = actions[copy, agent]
            if action < 0 or action >= avail.shape[2] or not avail[copy, agent, action]:
                return copy * agents + agent
    return -1


@kernel
def _begin(copy, view):
    view.terminated[copy] = view.truncated[copy] = False
    view.rewards[copy], view.steps[copy] = 0.0, 0
    view.last_actions[copy] = -1
    view.info[:, copy] = 0.0


@kernel
def _give_action(rules, units, kinds, n_agents, agent, action):
    """Turns an agent's action into its unit's order."""
    unit = units[agent]
    x, y = np.float64(unit.x), np.float64(unit.y)
    if action == STOP:
        give_order(units, kinds, agent, IDLE, -1, x, y)
    elif action >= rules.first_target:
        k = action - rules.first_target
        if not rules.action_mask and not can_target(rules, units, kinds, n_agents, agent, k):
            return
        if rules.heals and kinds[unit.kind].weapon == HEAL:
            give_order(units, kinds, agent, MEND, k, x, y)
        else:
            give_order(units, kinds, agent, ATTACK, n_agents + k, x, y)
    elif action >= FIRST_TARGET:
        unit.facing = action - FIRST_TARGET
    elif action != NO_OP:
        x += rules.move_amount * ((action == EAST) - (action == WEST))
        y += rules.move_amount * ((action == NORTH) - (action == SOUTH))
        give_order(units, kinds, agent, MOVE, -1, x, y)


@kernel
def _finish(rules, units, kinds, n_agents, copy, view):
    """Reward, ending and info of a step."""
    result = outcome(rules, units, kinds, n_agents)
    view.rewards[copy] = final_reward(
        rules, score(rules, units, n_agents, view.totals[copy]), result, view.divisors[copy]
    )
    timed_out = result == GOES_ON and view.steps[copy] >= rules.episode_limit
    view.truncated[copy] = timed_out and rules.continuing_episode
    view.terminated[copy] = result != GOES_ON or (timed_out and not rules.continuing_episode)
    dead_allies, dead_enemies = 0, 0
    for i in range(len(units)):
        if units[i].health <= 0.0:
            dead_allies += i < n_agents
            dead_enemies += i >= n_agents
    view.info[0, copy] = result == WON
    view.info[1, copy], view.info[2, copy] = dead_allies, dead_enemies
    view.info[3, copy] = timed_out


@kernel
def _show(rules, units, kinds, n_agents, copy, view):
    """Masks, observations and state after a reset or a step."""
    avail, obs, last_actions, step = (
        view.avail[copy],
        view.obs[copy],
        view.last_actions[copy],
        view.steps[copy],
    )
    write_avail(rules, units, kinds, n_agents, view.pathing, avail)
    write_obs(rules, units, kinds, n_agents, view.pathing, view.heights, avail, last_actions, step, obs)
    if rules.obs_instead_of_state:
        view.state[copy] = obs.reshape(-1)
    else:
        write_state(rules, units, kinds, n_agents, avail.shape[1], last_actions, step, view.state[copy])
