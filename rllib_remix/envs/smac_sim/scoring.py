"""Compiled rewards and endings, as SMAC defines them."""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac_sim.battles.units import HEAL

GOES_ON, LOST, DRAWN, WON = range(4)


@kernel
def remember(units, totals):
    """Writes every unit's health and shield into `totals` [M]; the dead have none."""
    for i in range(len(units)):
        totals[i] = units[i].health + units[i].shield if units[i].health > 0.0 else np.float32(0.0)


@kernel
def score(rules, units, n_agents, totals):
    """The reward for damage and deaths since `totals` [M] was written; before scaling, without win or defeat."""
    damage, deaths, suffered = 0.0, 0.0, 0.0
    for i in range(len(units)):
        before, unit = np.float64(totals[i]), units[i]
        if before <= 0.0:
            continue
        now = np.float64(unit.health) + np.float64(unit.shield) if unit.health > 0.0 else 0.0
        died = unit.health <= 0.0
        if i < n_agents:
            suffered += rules.reward_negative_scale * (before - now + died * rules.reward_death_value)
        else:
            damage += before - now if rules.reward_enemy_recovery else max(0.0, before - now)
            deaths += died * rules.reward_death_value
    if rules.reward_sparse:
        return 0.0
    if rules.reward_only_positive:
        return abs(damage + deaths) if rules.reward_absolute else max(damage + deaths, 0.0)
    return damage + deaths - suffered


@kernel
def outcome(rules, units, kinds, n_agents):
    """LOST, DRAWN or WON, or GOES_ON. Medivacs alone do not hold a map of their type."""
    allies, enemies, fighting_allies, fighting_enemies = 0, 0, 0, 0
    for i in range(len(units)):
        if units[i].health > 0.0:
            if i >= n_agents:
                enemies += 1
                fighting_enemies += kinds[units[i].kind].weapon != HEAL
            else:
                allies += 1
                fighting_allies += kinds[units[i].kind].weapon != HEAL
    if (allies == 0 and enemies > 0) or (rules.heals and fighting_allies == 0):
        return LOST
    if (enemies == 0 and allies > 0) or (rules.heals and fighting_enemies == 0):
        return WON
    return DRAWN if allies == 0 else GOES_ON


@kernel
def divisor_of(rules, units, kinds, n_agents):
    """What rewards of the episode that begins are divided by: all that can be earned in it, over the scale."""
    divisor = rules.reward_divisor
    if rules.reward_health_share > 0.0:
        for i in range(n_agents, len(units)):
            kind = kinds[units[i].kind]
            divisor += rules.reward_health_share * (np.float64(kind.health) + np.float64(kind.shield))
    return divisor


@kernel
def final_reward(rules, reward, result, divisor):
    """Adds the win or the defeat, and scales."""
    if result == WON:
        reward = 1.0 if rules.reward_sparse else reward + rules.reward_win
    elif result == LOST:
        reward = -1.0 if rules.reward_sparse else reward + rules.reward_defeat
    return reward / divisor
