"""Critics by name, made from a config's settings of networks."""

from __future__ import annotations

from typing import Any

from rllib_remix.models.critics.coma import COMACritic
from rllib_remix.models.critics.dop import DOPCritic
from rllib_remix.models.critics.mappo import MAPPOCritic

# Their names, each with the settings of its sizes.
CRITICS = {
    "coma": ("critic_hidden_dim",),
    "dop": ("critic_hidden_dim", "mixer_embed_dim"),
    "mappo": ("critic_hidden_dim",),
}


def new_critic(
    obs_dim: int,
    n_actions: int,
    n_agents: int,
    state_dim: int,
    networks: dict[str, Any],
    *,
    image_shape: tuple[int, ...] = (),
) -> COMACritic | DOPCritic | MAPPOCritic:
    """An untrained critic.

    Args:
        obs_dim, n_actions, n_agents: O, U and n.
        state_dim: S, with the time, if that is observed.
        networks: as a config's `networks()`; `central_critic` is one of CRITICS.
        image_shape: of observations that convolutions encode, () if there are none.
    """
    sizes = obs_dim, n_actions, n_agents, state_dim
    how = {"hidden_dim": networks["critic_hidden_dim"], "image_shape": image_shape}
    if networks["central_critic"] == "coma":
        return COMACritic(*sizes, **how)
    if networks["central_critic"] == "mappo":
        return MAPPOCritic(obs_dim, n_agents, state_dim, **how)
    return DOPCritic(*sizes, embed_dim=networks["mixer_embed_dim"], **how)
