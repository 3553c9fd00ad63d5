"""What a team's networks hold and need, told from their settings before anything is allocated."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.joint_q import UnrestrictedJointQ
from rllib_remix.models.mixers import new_mixer

NETWORKS = ("agent", "mixer", "q_star_agent", "q_star")  # whose shapes settings say


def new_agent(team: Any, networks: dict[str, Any]) -> RecurrentAgent:
    """An untrained agent network.

    Args:
        team: a TeamSpec.
        networks: as a config's `networks()` or a checkpoint has them; without `utility_clamp` there are no limits.
    """
    clamp = networks.get("utility_clamp")
    return RecurrentAgent(
        team.obs_dim,
        team.n_actions,
        team.n_agents,
        hidden_dim=networks["agent_hidden_dim"],
        observe_last_action=networks["observe_last_action"],
        observe_agent_id=networks["observe_agent_id"],
        utility_clamp=tuple(clamp) if clamp else None,
    )


def network_shapes(team: Any, networks: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name → shape of all weights of NETWORKS that a checkpoint of this team may hold, those of their targets included.

    Args:
        team: a TeamSpec.
        networks: as `new_agent`; without `mixer` or `use_q_star` there are none of these.
    """
    parts: dict[str, nn.Module] = {}
    with torch.device("meta"):
        parts["agent"] = new_agent(team, networks)
        if networks.get("mixer"):
            parts["mixer"] = new_mixer(team.n_agents, team.state_dim, networks)
        if networks.get("use_q_star"):
            parts["q_star_agent"] = parts["agent"]
            parts["q_star"] = UnrestrictedJointQ(
                team.n_agents, team.state_dim, hidden_dim=networks["q_star_hidden_dim"]
            )
    of_parts = {
        f"{part}.{name}": tuple(weight.shape)
        for part, network in parts.items()
        for name, weight in network.state_dict().items()
    }
    return of_parts | {f"target_{name}": shape for name, shape in of_parts.items()}


def acting_bytes(team: Any, networks: dict[str, Any]) -> int:
    """About how much memory AgentStepper takes for one copy, beside the weights."""
    hidden, agents, actions = networks["agent_hidden_dim"], team.n_agents, team.n_actions
    inputs = team.obs_dim + actions * networks["observe_last_action"] + agents * networks["observe_agent_id"]
    one_hots = 4 * actions**2 + 8 * agents**2 * networks["observe_agent_id"]
    return 4 * agents * (inputs + 14 * hidden + actions) + one_hots
