"""What a team's networks hold and need, told from their settings before anything is allocated."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.agent import recurrent_agent
from rllib_remix.models.groups.assignment import GroupPlaces, agent_groups
from rllib_remix.models.image_encoder import ImageEncoder, encoded_shape
from rllib_remix.models.joint_q import UnrestrictedJointQ
from rllib_remix.models.mixers import new_mixer
from rllib_remix.models.normalizer import RunningNormalizer, normalizes

NETWORKS = ("agent", "mixer", "q_star_agent", "q_star", "state_normalizer")  # whose shapes settings say


def new_agent(team: Any, networks: dict[str, Any]) -> RecurrentAgent:
    """An untrained agent network.

    Args:
        team: a TeamSpec.
        networks: as a config's `networks()` or a checkpoint has them; without `utility_clamp` there are no limits.

    Raises:
        SettingError: the encoder does not fit what the team sees, or the groups of agents are not of the team.
    """
    agent = _agent_without_normalizer(team, networks, networks.get("agent_extra_outputs", 0))
    if normalizes(networks, _image_shape(team, networks)):
        agent.normalizer = RunningNormalizer(team.obs_dim)
    return agent


def _agent_without_normalizer(team: Any, networks: dict[str, Any], extra_outputs: int = 0) -> RecurrentAgent:
    clamp = networks.get("utility_clamp")
    return recurrent_agent(
        agent_groups(networks, team.n_agents, team.agents),
        team.obs_dim,
        team.n_actions,
        hidden_dim=networks["agent_hidden_dim"],
        observe_last_action=networks["observe_last_action"],
        observe_agent_id=networks["observe_agent_id"],
        episode_limit=team.episode_limit if networks.get("observe_time") else None,
        image_shape=_image_shape(team, networks),
        utility_clamp=tuple(clamp) if clamp else None,
        extra_outputs=extra_outputs,
    )


def _image_shape(team: Any, networks: dict[str, Any]) -> tuple[int, ...]:
    return encoded_shape(networks.get("encoder", "auto"), team.obs_shape)


def network_shapes(team: Any, networks: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name → shape of all weights of NETWORKS that a checkpoint of this team may hold, those of their targets included.

    Args:
        team: a TeamSpec.
        networks: as `new_agent`; without `mixer` or `use_q_star` there are none of these.
    """
    parts: dict[str, nn.Module] = {}
    with torch.device("meta"):
        parts["agent"] = new_agent(team, networks)
        parts |= joint_networks(team.n_agents, team.state_dim + bool(networks.get("observe_time")), networks)
        if networks.get("use_q_star"):
            parts["q_star_agent"] = _agent_without_normalizer(team, networks)
        if normalizes(networks, _image_shape(team, networks)):
            parts["state_normalizer"] = RunningNormalizer(team.state_dim)
    of_parts = {
        f"{part}.{name}": tuple(weight.shape)
        for part, network in parts.items()
        for name, weight in network.state_dict().items()
    }
    return of_parts | {f"target_{name}": shape for name, shape in of_parts.items()}


def joint_networks(n_agents: int, state_dim: int, networks: dict[str, Any]) -> dict[str, nn.Module]:
    """The untrained networks that read the state, S numbers with the time: the mixer and Q*, those that there are."""
    parts: dict[str, nn.Module] = {}
    if networks.get("mixer"):
        parts["mixer"] = new_mixer(n_agents, state_dim, networks)
    if networks.get("use_q_star"):
        parts["q_star"] = UnrestrictedJointQ(n_agents, state_dim, hidden_dim=networks["q_star_hidden_dim"])
    return parts


def reads_state(networks: dict[str, Any]) -> bool:
    """Whether any network reads the state: VDN's mixer without Q* does not, and a state of images is large."""
    return networks.get("mixer") != "vdn" or bool(networks.get("use_q_star"))


def weights_of_state(n_agents: int, state_dim: int, networks: dict[str, Any]) -> int:
    """How many weights mixer and Q* have for a state of S numbers, in the layers that read it; nothing is allocated."""
    with torch.device("meta"):
        parts = joint_networks(n_agents, state_dim, networks).values()
    shapes = [weight.shape for part in parts for weight in part.parameters()]
    return sum(
        shape.numel() for shape in shapes if len(shape) == 2 and shape[1] in (state_dim, state_dim + n_agents)
    )


def inputs_of_agent(team: Any, networks: dict[str, Any]) -> int:
    """Numbers that an agent's first linear layer reads at one step; of an image its features."""
    with torch.device("meta"):
        return new_agent(team, networks).encoder.in_features


def acting_bytes(team: Any, networks: dict[str, Any]) -> int:
    """About how much memory AgentStepper takes for one copy, beside the weights."""
    hidden, agents, actions = networks["agent_hidden_dim"], team.n_agents, team.n_actions
    inputs = team.obs_dim + actions * networks["observe_last_action"] + agents * networks["observe_agent_id"]
    if image_shape := encoded_shape(networks.get("encoder", "auto"), team.obs_shape):
        with torch.device("meta"):
            inputs += ImageEncoder(image_shape).floats
    one_hots = 4 * actions**2 + 8 * agents**2 * networks["observe_agent_id"]
    places = GroupPlaces(agent_groups(networks, agents, team.agents))
    if places.count == 1:
        return 4 * agents * (inputs + 14 * hidden + actions) + one_hots
    of_places = 4 * places.count * places.largest * (inputs + 13 * hidden + actions)
    return of_places + 4 * agents * (inputs + actions) + one_hots
