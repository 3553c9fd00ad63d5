"""Where everything stands in SMAC's observation and state vectors, and how long they are."""

from __future__ import annotations

from typing import NamedTuple, TypeGuard

from rllib_remix.envs.smac.capabilities import Capabilities
from rllib_remix.envs.smac.options import SmacOptions, Smacv2Options

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
    # Of a win with all damage done and every kill paid, before scaling; on SMACv2's maps without the enemies' health,
    # which differs from episode to episode.
    max_reward: float


def smac_layout(options: SmacOptions) -> SmacLayout:
    """The sizes that SMAC's (or SMACv2's) get_obs_size and get_state_size give for this map."""
    game = options.map
    agents, enemies, types = game.n_agents, game.n_enemies, game.unit_type_bits
    ally_health, enemy_health = 1 + game.ally_shields, 1 + game.enemy_shields
    view = 2 * bool(game.turns)
    drawn = _drawn_numbers(options.capabilities) if _is_drawn(options) else 0
    move = 4 + PATHING_POINTS * options.obs_pathing_grid + HEIGHT_POINTS * options.obs_terrain_height
    enemy = 4 + enemy_health * options.obs_all_health + types
    ally = 4 + ally_health * options.obs_all_health + drawn + types
    ally += game.n_actions * options.obs_last_action
    own = ally_health * options.obs_own_health + drawn + view + types
    own += 2 * (_is_drawn(options) and options.obs_own_pos)
    obs_dim = move + enemies * enemy + (agents - 1) * ally + own + options.obs_timestep_number
    ally_state, enemy_state = 3 + ally_health + drawn + view + types, 2 + enemy_health + types
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


def _is_drawn(options: SmacOptions) -> TypeGuard[Smacv2Options]:
    return isinstance(options, Smacv2Options) and options.is_drawn


def _drawn_numbers(capabilities: Capabilities) -> int:
    """Numbers that are drawn for every agent; places of teammates' are there whether they are observed or not."""
    return (capabilities.attack is not None) + (capabilities.health is not None)
