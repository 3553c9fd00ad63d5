"""One agent of a team with a network of its own, which has nothing of the others in it."""

from __future__ import annotations

import torch
from torch import Tensor

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.agent import GroupedAgent


@torch.no_grad()
def network_of_one(network: RecurrentAgent, index: int) -> RecurrentAgent:
    """The network of one agent, for acting: the same utilities from the same history, but for rounding.

    It is a team of one that observes no index: the weights of the index are in the bias of its first layer. Normalizer
    and convolutions are the network's own; weights that are loaded into the other layers later are not seen here.

    Args:
        network: of the team.
        index: the agent's, from 0 to n - 1.
    """
    weights = _of_agent(network, index)
    own_id = network.seen_dim + network.n_actions * network.observe_last_action
    if network.observe_agent_id:
        columns = weights["encoder.weight"]
        weights["encoder.bias"] = weights["encoder.bias"] + columns[:, own_id + index]
        weights["encoder.weight"] = torch.cat(
            [columns[:, :own_id], columns[:, own_id + network.n_agents :]], dim=1
        )
    for name in ("head.weight", "head.bias"):
        weights[name] = weights[name][: network.n_actions]  # what else the head gives is for learning
    with torch.device("meta"):  # nothing is drawn for weights that are replaced
        own = RecurrentAgent(
            network.obs_dim,
            network.n_actions,
            1,
            hidden_dim=network.hidden_dim,
            observe_last_action=network.observe_last_action,
            observe_agent_id=False,
            episode_limit=network.episode_limit,
            image_shape=network.image.shape if network.image else (),
            utility_clamp=network.utility_clamp,
        )
    own.load_state_dict(weights, strict=False, assign=True)  # all but the convolutions
    own.eval().requires_grad_(False)
    own.image, own.normalizer = network.image, network.normalizer
    return own


def _of_agent(network: RecurrentAgent, index: int) -> dict[str, Tensor]:
    """Name → weight of the layers that the agent computes with, as an agent network without groups has them."""
    layers = {
        name: weight
        for name, weight in network.state_dict().items()
        if name.partition(".")[0] in ("encoder", "gru", "head")
    }
    if not isinstance(network, GroupedAgent):
        return layers
    group = network.places.groups[index]
    return {name: weight[group] for name, weight in layers.items()}
