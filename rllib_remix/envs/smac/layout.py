"""Where everything stands in SMAC's observation and state vectors, and how long they are."""

from __future__ import annotations

from typing import NamedTuple

from rllib_remix.envs.smac.options import SmacOptions

PATHING_POINTS, HEIGHT_POINTS = 8, 9


class SmacLayout(NamedTuple):
    """Sizes of one map under some settings, in numbers of entries.

    Observation of an agent: move features, a row per enemy, a row per other ally, own features[, time].
    State: a row per agent, a row per enemy[, last actions][, time]; or all observations one after the other.
    """

    n_agents: int
    n_enemies: int
    n_actions: int
    obs_dim: int
    state_dim: int
    move_feats: int
    enemy_feats: int  # of one row
    ally_feats: int  # of one row
    own_feats: int
    ally_state_feats: int  # of one row
    enemy_state_feats: int  # of one row
    max_reward: float  # of a win with all damage done and every kill paid, before scaling


def smac_layout(options: SmacOptions) -> SmacLayout:
    """The sizes that SMAC's own functions give for this map (SMAC's get_obs_size and get_state_size)."""
    game = options.map
    agents, enemies, types = game.n_agents, game.n_enemies, game.unit_type_bits
    ally_health, enemy_health = 1 + game.ally_shields, 1 + game.enemy_shields
    move = 4 + PATHING_POINTS * options.obs_pathing_grid + HEIGHT_POINTS * options.obs_terrain_height
    enemy = 4 + enemy_health * options.obs_all_health + types
    ally = 4 + ally_health * options.obs_all_health + types + game.n_actions * options.obs_last_action
    own = ally_health * options.obs_own_health + types
    obs_dim = move + enemies * enemy + (agents - 1) * ally + own + options.obs_timestep_number
    ally_state, enemy_state = 3 + ally_health + types, 2 + enemy_health + types
    state_dim = agents * ally_state + enemies * enemy_state
    state_dim += agents * game.n_actions * options.state_last_action + options.state_timestep_number
    if options.obs_instead_of_state:
        state_dim = agents * obs_dim
    return SmacLayout(
        n_agents=agents,
        n_enemies=enemies,
        n_actions=game.n_actions,
        obs_dim=obs_dim,
        state_dim=state_dim,
        move_feats=move,
        enemy_feats=enemy,
        ally_feats=ally,
        own_feats=own,
        ally_state_feats=ally_state,
        enemy_state_feats=enemy_state,
        max_reward=enemies * options.reward_death_value + options.reward_win + game.enemy_total,
    )
