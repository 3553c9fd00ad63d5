"""SMAC's actions in words, and what is said of those that may not be taken; the same in both environments."""

from __future__ import annotations

import numpy as np

from rllib_remix.envs.smac.maps import SmacMap

# SmacMap.first_target is the first target on a map; only SMACv2's field of view puts other actions before it.
NO_OP, STOP, NORTH, SOUTH, EAST, WEST, FIRST_TARGET = range(7)
_NAMES = ("no-op", "stop", "north", "south", "east", "west")


def action_name(game: SmacMap, agent: int, action: int) -> str:
    """What an action of an agent does, in words."""
    if not 0 <= action < game.n_actions:
        return "no action"
    if action < FIRST_TARGET:
        return _NAMES[action]
    if action < game.first_target:
        return f"look {360 * (action - FIRST_TARGET) / game.turns:g}°"
    heals = game.heals and game.ally_types[agent] == "medivac"
    return f"{'heal ally' if heals else 'attack enemy'} {action - game.first_target}"


def check_form(env: str, actions: np.ndarray, num_envs: int, n_agents: int) -> None:
    """Raises ValueError unless `actions` are integers [num_envs, n_agents]."""
    if actions.dtype.kind not in "iu" or actions.shape != (num_envs, n_agents):
        raise ValueError(
            f"{env}: actions are {actions.dtype} of shape {actions.shape}, expected integers of shape "
            f"{(num_envs, n_agents)} = [num_envs, n_agents]."
        )


def illegal_action(
    env: str, game: SmacMap, copy: int, agent: int, action: int, avail: np.ndarray
) -> ValueError:
    """The error for an action that is not available.

    Args:
        env: the environment's id.
        copy, agent, action: who wanted to do what.
        avail: [A] bool: what the agent may do.
    """
    allowed = ", ".join(f"{i} ({action_name(game, agent, i)})" for i in np.flatnonzero(avail).tolist())
    return ValueError(
        f"{env}: action {action} ({action_name(game, agent, action)}) of agent {agent} ({game.ally_types[agent]}) in "
        f"copy {copy} is not available; allowed now: {allowed}."
    )
