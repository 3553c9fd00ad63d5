"""Settings of the value networks: the mixer and the unrestricted Q*, beside the agents' network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.models.mixers import MIXERS
from rllib_remix.settings import Count, Flag, Limits, OneOf
from rllib_remix.team.settings.groups import setting
from rllib_remix.team.settings.networks import MAX_HEADS, MAX_LAYERS, MAX_UNITS, NetworkSettings


@dataclass(kw_only=True)
class ValueNetworkSettings(NetworkSettings):
    """The agents' network, the mixer and Q*."""

    title: ClassVar[str] = "Networks"

    mixer: str | None = setting(
        "qmix",
        OneOf(MIXERS),
        "what makes Q_tot of the agents' utilities: vdn their sum, qatten a sum weighted by attention, qmix any monotonic "
        "function, qplex any whose best joint action every agent can find alone. None in IQL and QTRAN, which have none.",
        before="agent_hidden_dim",
    )
    mixer_embed_dim: int = setting(
        32,
        Count(1, MAX_UNITS),
        "m, units of QMIX's mixing layer. 32 in pymarl2. In Qatten the entries of queries and keys, 32 too.",
        before="observe_last_action",
    )
    hypernet_hidden_dim: int = setting(
        64,
        Count(1, MAX_UNITS),
        "units of the networks that produce the mixing weights.",
        before="observe_last_action",
    )
    mixer_heads: int = setting(
        4,
        Count(1, MAX_HEADS),
        "heads of Qatten's attention, and of QPLEX's importances (K). 4 in pymarl2; QPLEX's authors have 4 on SMAC, 10 in "
        "matrix games.",
        before="observe_last_action",
    )
    importance_layers: int = setting(
        2,
        Count(1, MAX_LAYERS),
        "layers of each of the nets that give QPLEX's importances. 2 in pymarl2; QPLEX's authors have 1 on SMAC, with which "
        "the actions of two agents only add up inside a sigmoid, and 3 in matrix games.",
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


def sizes_of_mixer(config: Any) -> dict[str, int]:
    """The settings that the networks of a config's mixer depend on; none without a mixer."""
    return {name: getattr(config, name) for name in MIXERS[config.mixer].sizes} if config.mixer else {}
