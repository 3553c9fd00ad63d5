"""SMAC's settings as numbers for compiled code, and the arrays through which agents meet the battle."""

from __future__ import annotations

from typing import NamedTuple, get_type_hints

import numpy as np

from rllib_remix.envs.smac.layout import SmacLayout
from rllib_remix.envs.smac.options import Smacv2Options


class Rules(NamedTuple):
    """What Smacv2Options and the map say, and the sizes of SmacLayout; see there."""

    step_mul: int
    move_amount: float
    episode_limit: int
    heals: bool
    first_target: int  # the action that attacks enemy 0
    turns: int  # directions of the field of view; 0: agents look everywhere
    continuing_episode: bool
    heuristic_ai: bool
    obs_all_health: bool
    obs_own_health: bool
    obs_last_action: bool
    obs_pathing_grid: bool
    obs_terrain_height: bool
    obs_instead_of_state: bool
    obs_timestep_number: bool
    obs_own_pos: bool
    observe_types: bool  # an agent sees the types of its teammates
    fully_observable: bool
    action_mask: bool
    state_last_action: bool
    state_timestep_number: bool
    ally_shields: bool
    enemy_shields: bool
    move_feats: int
    enemy_feats: int
    ally_feats: int
    own_feats: int
    ally_state_feats: int
    enemy_state_feats: int
    reward_sparse: bool
    reward_only_positive: bool
    reward_enemy_recovery: bool
    reward_absolute: bool  # SMAC's abs() of the reward; SMACv2 cuts off at 0
    reward_death_value: float
    reward_win: float
    reward_defeat: float
    reward_negative_scale: float
    reward_divisor: float  # on SMACv2's maps before the enemies' health is added
    reward_health_share: float  # of the enemies' health that is added to the divisor in every episode


def rules_of(options: Smacv2Options, layout: SmacLayout) -> Rules:
    """The numbers of one map under some settings."""
    game = options.map
    known = {
        "move_amount": float(options.move_amount),
        "episode_limit": game.episode_limit,
        "heals": game.heals,
        "first_target": game.first_target,
        "turns": game.turns,
        "observe_types": not game.drawn or options.capabilities.observe_types,
        "ally_shields": game.ally_shields,
        "enemy_shields": game.enemy_shields,
        "reward_absolute": not game.drawn,
        "reward_divisor": layout.max_reward / options.reward_scale_rate if options.reward_scale else 1.0,
        "reward_health_share": 1 / options.reward_scale_rate if game.drawn and options.reward_scale else 0.0,
    }
    types = get_type_hints(Rules)
    for name in Rules._fields:
        if name not in known:
            known[name] = getattr(options, name) if hasattr(options, name) else getattr(layout, name)
        known[name] = types[name](known[name])
    return Rules(**known)


class View(NamedTuple):
    """What N teams see, did and got; written by the kernels."""

    pathing: np.ndarray  # [32, 32] bool, indexed [x, y]
    heights: np.ndarray  # [32, 32] uint8
    last_actions: np.ndarray  # [N, n] int64; −1 before the first step
    totals: np.ndarray  # [N, M] float32: health and shield of every unit one step ago; 0 once it is dead
    steps: np.ndarray  # [N] int32: env steps of the episode
    obs: np.ndarray  # [N, n, O] float32
    state: np.ndarray  # [N, S] float32
    avail: np.ndarray  # [N, n, A] bool
    rewards: np.ndarray  # [N] float32
    divisors: np.ndarray  # [N] float64: of the rewards of the present episode
    terminated: np.ndarray  # [N] bool
    truncated: np.ndarray  # [N] bool
    info: np.ndarray  # [4, N] float32: battle won, dead allies, dead enemies, episode limit reached


def new_view(layout: SmacLayout, num_envs: int, pathing: np.ndarray, heights: np.ndarray) -> View:
    """Empty arrays of the right sizes."""
    agents, units = layout.n_agents, layout.n_agents + layout.n_enemies
    return View(
        pathing=pathing,
        heights=heights,
        last_actions=np.full((num_envs, agents), -1, np.int64),
        totals=np.zeros((num_envs, units), np.float32),
        steps=np.zeros(num_envs, np.int32),
        obs=np.zeros((num_envs, agents, layout.obs_dim), np.float32),
        state=np.zeros((num_envs, layout.state_dim), np.float32),
        avail=np.zeros((num_envs, agents, layout.n_actions), np.bool_),
        rewards=np.zeros(num_envs, np.float32),
        divisors=np.ones(num_envs),
        terminated=np.zeros(num_envs, np.bool_),
        truncated=np.ones(num_envs, np.bool_),
        info=np.zeros((4, num_envs), np.float32),
    )
