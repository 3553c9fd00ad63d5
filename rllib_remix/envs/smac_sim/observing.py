"""Compiled views of a battle: what agents may do, what they see, and the true state, as SMAC defines them.

Distances and fractions are computed in double precision from the units' single precision, as SMAC's own code does.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.actions import EAST, FIRST_TARGET, NO_OP, NORTH, SOUTH, STOP, WEST
from rllib_remix.envs.smac_sim.battles.terrain import SIZE
from rllib_remix.envs.smac_sim.battles.units import HEAL

TINY = 1e-7  # SMACv2's stand-in for an offset of 0 in a slope


@kernel
def _distance(one, other):
    dx, dy = np.float64(other.x) - np.float64(one.x), np.float64(other.y) - np.float64(one.y)
    return np.sqrt(dx * dx + dy * dy)


@kernel
def _fraction(value, maximum):
    return np.float64(value) / np.float64(maximum) if maximum > 0.0 else 0.0


@kernel
def _is_open(pathing, x, y):
    """Whether a point is on walkable ground; the fraction is cut off, as SMAC does, also between −1 and 0."""
    column, row = int(x), int(y)
    return 0 <= column < SIZE and 0 <= row < SIZE and pathing[column, row]


@kernel
def _looks_at(rules, unit, x, y):
    """Whether a point lies in the direction of an agent's field of view.

    SMACv2 compares angles between −90° and 90°, of which the two halves of the plane share one: an agent that looks
    west sees a part of the east too. What is learned depends on it, so it is the same here, step by step.
    """
    angle = 2.0 * np.pi * (unit.facing / rules.turns)
    view_x, view_y = np.cos(angle), np.sin(angle)
    dx, dy = x - np.float64(unit.x), y - np.float64(unit.y)
    if dx > 0.0:
        dx, view_x = max(dx, TINY), max(view_x, TINY)
    else:
        dx, view_x = min(dx, -TINY), min(view_x, -TINY)
    return abs(np.arctan(dy / dx) - np.arctan(view_y / view_x)) < np.pi / rules.turns


@kernel
def _sees(rules, unit, other, distance, sight):
    """Whether an agent sees a living unit at a distance."""
    if rules.fully_observable:
        return True
    if rules.turns > 0:
        return distance <= sight and _looks_at(rules, unit, np.float64(other.x), np.float64(other.y))
    return distance < sight


@kernel
def can_target(rules, units, kinds, n_agents, a, k):
    """Whether living agent `a` may attack enemy k, or heal ally k, where it stands and looks."""
    unit = units[a]
    heals = rules.heals and kinds[unit.kind].weapon == HEAL
    if not _is_target(units, kinds, n_agents, heals, k):
        return False
    return _is_in_reach(rules, unit, units[k] if heals else units[n_agents + k], kinds[unit.kind].shoot_range)


@kernel
def _is_in_reach(rules, unit, target, shoot_range):
    if _distance(unit, target) > shoot_range:
        return False
    return rules.turns == 0 or _looks_at(rules, unit, np.float64(target.x), np.float64(target.y))


@kernel
def _is_target(units, kinds, n_agents, heals, k):
    """Whether enemy k, or for who `heals` ally k, is there and alive; medivacs do not heal medivacs."""
    if heals:
        return k < n_agents and units[k].health > 0.0 and kinds[units[k].kind].weapon != HEAL
    return n_agents + k < len(units) and units[n_agents + k].health > 0.0


@kernel
def write_avail(rules, units, kinds, n_agents, pathing, avail):
    """[n, A] bool: the dead do nothing; the living may stop, walk where it is open, and attack or heal in reach."""
    reach = rules.move_amount / 2.0
    for a in range(n_agents):
        unit, row = units[a], avail[a]
        alive = unit.health > 0.0
        x, y = np.float64(unit.x), np.float64(unit.y)
        row[NO_OP], row[STOP] = not alive, alive
        row[NORTH] = alive and _is_open(pathing, x, y + reach)
        row[SOUTH] = alive and _is_open(pathing, x, y - reach)
        row[EAST] = alive and _is_open(pathing, x + reach, y)
        row[WEST] = alive and _is_open(pathing, x - reach, y)
        for turn in range(rules.turns):
            row[FIRST_TARGET + turn] = alive
        heals, shoot_range = rules.heals and kinds[unit.kind].weapon == HEAL, kinds[unit.kind].shoot_range
        for k in range(len(row) - rules.first_target):
            if not alive or not _is_target(units, kinds, n_agents, heals, k):
                row[rules.first_target + k] = False
                continue
            target = units[k] if heals else units[n_agents + k]
            row[rules.first_target + k] = not rules.action_mask or _is_in_reach(
                rules, unit, target, shoot_range
            )


@kernel
def write_obs(rules, units, kinds, n_agents, pathing, heights, avail, last_actions, step, obs):
    """[n, O] float32: move features, enemies and allies in sight, the agent itself; zeros for the dead."""
    obs[:] = 0.0
    for a in range(n_agents):
        row = obs[a]
        if units[a].health > 0.0:
            _write_surroundings(rules, units[a], pathing, heights, avail[a], row)
            at = _write_enemies(rules, units, kinds, n_agents, a, avail[a], row)
            at = _write_allies(rules, units, kinds, n_agents, a, avail.shape[1], last_actions, row, at)
            _write_own(rules, units[a], kinds, row, at)
        if rules.obs_timestep_number:
            row[len(row) - 1] = step / rules.episode_limit


@kernel
def _write_surroundings(rules, unit, pathing, heights, avail, row):
    for d in range(4):
        row[d] = avail[NORTH + d]
    at = 4
    if rules.obs_pathing_grid:
        for point in range(8):
            x, y = _around(unit, rules.move_amount, point)
            inside = 0 <= x < SIZE and 0 <= y < SIZE
            row[at + point] = pathing[x, y] if inside else 1.0
        at += 8
    if rules.obs_terrain_height:
        for point in range(9):
            x, y = _around(unit, rules.move_amount, point)
            inside = 0 <= x < SIZE and 0 <= y < SIZE
            row[at + point] = heights[x, y] / 255.0 if inside else 1.0


@kernel
def _around(unit, move_amount, point):
    """The cell of one of nine points: N, S, E, W two moves away, NE, SW, SE, NW one move away, and the unit's own."""
    x, y = int(unit.x), int(unit.y)
    far, near = int(2 * move_amount), int(move_amount)
    dx = (0, 0, far, -far, near, -near, near, -near, 0)[point]
    dy = (far, -far, 0, 0, near, -near, -near, near, 0)[point]
    return x + dx, y + dy


@kernel
def _write_enemies(rules, units, kinds, n_agents, a, avail, row):
    """A row per enemy in sight: can be attacked, distance, offset, health, type. Returns where the next part begins."""
    unit, at = units[a], rules.move_feats
    sight = kinds[unit.kind].sight_range
    for k in range(n_agents, len(units)):
        other = units[k]
        if other.health > 0.0:
            distance = _distance(unit, other)
            if _sees(rules, unit, other, distance, sight):
                if rules.action_mask:
                    row[at] = avail[rules.first_target + k - n_agents]
                else:
                    row[at] = can_target(rules, units, kinds, n_agents, a, k - n_agents)
                _write_other(
                    rules, unit, other, kinds, distance, sight, rules.enemy_shields, True, row, at + 1
                )
        at += rules.enemy_feats
    return at


@kernel
def _write_allies(rules, units, kinds, n_agents, a, n_actions, last_actions, row, at):
    """A row per other ally in sight: 1, distance, offset, health, type, last action. Returns where the next begins."""
    unit = units[a]
    sight = kinds[unit.kind].sight_range
    for k in range(n_agents):
        if k == a:
            continue
        other = units[k]
        if other.health > 0.0:
            distance = _distance(unit, other)
            if _sees(rules, unit, other, distance, sight):
                row[at] = 1.0
                shields, types = rules.ally_shields, rules.observe_types
                _write_other(rules, unit, other, kinds, distance, sight, shields, types, row, at + 1)
                if rules.obs_last_action and last_actions[k] >= 0:
                    row[at + rules.ally_feats - n_actions + last_actions[k]] = 1.0
        at += rules.ally_feats
    return at


@kernel
def _write_other(rules, unit, other, kinds, distance, sight, shields, types, row, at):
    kind = kinds[other.kind]
    row[at] = distance / sight
    row[at + 1] = (np.float64(other.x) - np.float64(unit.x)) / sight
    row[at + 2] = (np.float64(other.y) - np.float64(unit.y)) / sight
    at += 3
    if rules.obs_all_health:
        row[at] = _fraction(other.health, kind.health)
        at += 1
        if shields:
            row[at] = _fraction(other.shield, kind.shield)
            at += 1
    if types and kind.column >= 0:
        row[at + kind.column] = 1.0


@kernel
def _write_own(rules, unit, kinds, row, at):
    kind = kinds[unit.kind]
    if rules.obs_own_health:
        row[at] = _fraction(unit.health, kind.health)
        at += 1
        if rules.ally_shields:
            row[at] = _fraction(unit.shield, kind.shield)
            at += 1
    if rules.obs_own_pos:
        row[at], row[at + 1] = np.float64(unit.x) / SIZE, np.float64(unit.y) / SIZE
        at += 2
    if rules.turns > 0:
        _write_view(rules, unit, row, at)
        at += 2
    if kind.column >= 0:
        row[at + kind.column] = 1.0


@kernel
def _write_view(rules, unit, row, at):
    """The direction of the field of view, as a vector of length 1."""
    angle = 2.0 * np.pi * (unit.facing / rules.turns)
    row[at], row[at + 1] = np.cos(angle), np.sin(angle)


@kernel
def write_state(rules, units, kinds, n_agents, n_actions, last_actions, step, state):
    """[S] float32: every living unit's health, place and type, the agents' cooldowns and last actions."""
    state[:] = 0.0
    at = 0
    for i in range(len(units)):
        ally = i < n_agents
        feats = rules.ally_state_feats if ally else rules.enemy_state_feats
        if units[i].health > 0.0:
            _write_unit(rules, units[i], kinds, ally, state, at)
        at += feats
    if rules.state_last_action:
        for a in range(n_agents):
            if last_actions[a] >= 0:
                state[at + last_actions[a]] = 1.0
            at += n_actions
    if rules.state_timestep_number:
        state[at] = step / rules.episode_limit


@kernel
def _write_unit(rules, unit, kinds, ally, state, at):
    kind = kinds[unit.kind]
    state[at] = _fraction(unit.health, kind.health)
    at += 1
    if ally:
        heals = rules.heals and kind.weapon == HEAL
        state[at] = _fraction(
            unit.energy if heals else max(unit.cooldown, np.float32(0.0)), kind.max_cooldown
        )
        at += 1
    state[at] = (np.float64(unit.x) - SIZE / 2) / SIZE
    state[at + 1] = (np.float64(unit.y) - SIZE / 2) / SIZE
    if rules.ally_shields if ally else rules.enemy_shields:
        state[at + 2] = _fraction(unit.shield, kind.shield)
        at += 1
    if ally and rules.turns > 0:
        _write_view(rules, unit, state, at + 2)
        at += 2
    if kind.column >= 0:
        state[at + 2 + kind.column] = 1.0
