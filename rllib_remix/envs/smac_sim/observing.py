"""Compiled views of a battle: what agents may do, what they see, and the true state, as SMAC defines them.

Distances and fractions are computed in double precision from the units' single precision, as SMAC's own code does.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.actions import EAST, FIRST_TARGET, NO_OP, NORTH, SOUTH, STOP, WEST
from rllib_remix.envs.smac.options import SHOOT_RANGE, SIGHT_RANGE
from rllib_remix.envs.smac_sim.battles.terrain import SIZE
from rllib_remix.envs.smac_sim.battles.units import HEAL


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
def write_avail(rules, units, kinds, n_agents, pathing, avail):
    """[n, A] bool: the dead do nothing; the living may stop, walk where it is open, and attack or heal within 6."""
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
        heals = rules.heals and kinds[unit.kind].weapon == HEAL
        for k in range(len(row) - FIRST_TARGET):
            if not alive or (heals and k >= n_agents):
                row[FIRST_TARGET + k] = False
                continue
            target = units[k] if heals else units[n_agents + k]
            possible = target.health > 0.0 and not (heals and kinds[target.kind].weapon == HEAL)
            row[FIRST_TARGET + k] = possible and _distance(unit, target) <= SHOOT_RANGE


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
    for k in range(n_agents, len(units)):
        other = units[k]
        if other.health > 0.0:
            distance = _distance(unit, other)
            if distance < SIGHT_RANGE:
                row[at] = avail[FIRST_TARGET + k - n_agents]
                _write_other(rules, unit, other, kinds, distance, rules.enemy_shields, row, at + 1)
        at += rules.enemy_feats
    return at


@kernel
def _write_allies(rules, units, kinds, n_agents, a, n_actions, last_actions, row, at):
    """A row per other ally in sight: 1, distance, offset, health, type, last action. Returns where the next begins."""
    unit = units[a]
    for k in range(n_agents):
        if k == a:
            continue
        other = units[k]
        if other.health > 0.0:
            distance = _distance(unit, other)
            if distance < SIGHT_RANGE:
                row[at] = 1.0
                _write_other(rules, unit, other, kinds, distance, rules.ally_shields, row, at + 1)
                if rules.obs_last_action and last_actions[k] >= 0:
                    row[at + rules.ally_feats - n_actions + last_actions[k]] = 1.0
        at += rules.ally_feats
    return at


@kernel
def _write_other(rules, unit, other, kinds, distance, shields, row, at):
    kind = kinds[other.kind]
    row[at] = distance / SIGHT_RANGE
    row[at + 1] = (np.float64(other.x) - np.float64(unit.x)) / SIGHT_RANGE
    row[at + 2] = (np.float64(other.y) - np.float64(unit.y)) / SIGHT_RANGE
    at += 3
    if rules.obs_all_health:
        row[at] = _fraction(other.health, kind.health)
        at += 1
        if shields:
            row[at] = _fraction(other.shield, kind.shield)
            at += 1
    if kind.column >= 0:
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
    if kind.column >= 0:
        row[at + kind.column] = 1.0


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
    if kind.column >= 0:
        state[at + 2 + kind.column] = 1.0
