"""Settings of the value networks: the mixer and the unrestricted Q*, beside the agents' network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.models.mixers import MIXERS
from rllib_remix.settings import Count, Flag, Limits, OneOf
from rllib_remix.team.settings.groups import setting
from rllib_remix.team.settings.networks import MAX_UNITS, NetworkSettings


@dataclass(kw_only=True)
class ValueNetworkSettings(NetworkSettings):
    """The agents' network, the mixer and Q*."""

    title: ClassVar[str] = "Networks"

    mixer: str = setting("qmix", OneOf(MIXERS), "qmix is monotonic, vdn the sum.", before="agent_hidden_dim")
    mixer_embed_dim: int = setting(
        32,
        Count(1, MAX_UNITS),
        "m, units of QMIX's mixing layer. 32 in pymarl2.",
        before="observe_last_action",
    )
    hypernet_hidden_dim: int = setting(
        64,
        Count(1, MAX_UNITS),
        "units of the networks that produce the mixing weights.",
        before="observe_last_action",
    )
    q_star_hidden_dim: int = setting(
        256,
        Count(1, MAX_UNITS),
        "units of each hidden layer of the unrestricted Q*. 256 (WQMIX).",
        before="observe_last_action",
    )
    zero_initial_values: bool = setting(
        True,
        Flag(),
        "whether Q_tot and Q* begin near 0 in every state. Otherwise they begin with what PyTorch's random weights make of "
        "the state, which is large where its numbers are: then agents may avoid an end that pays less than values that "
        "nothing has earned. Off in both papers.",
    )
    utility_clamp: tuple[float, float] | None = setting(
        None,
        Limits(or_none=True),
        "limits of the agents' utilities, by which they act and which Q_tot mixes; None for no limits. The network "
        "that feeds Q* has none. The MAC-PO reference code has (-5, 2), which also stops gradients outside.",
    )
