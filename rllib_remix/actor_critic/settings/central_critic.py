"""Settings of the algorithms whose critic values every agent's actions: its network, its optimizer, its target network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.settings import Count, Flag, Interval
from rllib_remix.team.settings.groups import setting
from rllib_remix.team.settings.loop import TargetNetworkSettings
from rllib_remix.team.settings.networks import MAX_UNITS, NetworkSettings

QUICK_TAU = 0.1  # of copies with every update of an actor-critic, which makes fewer of them


@dataclass(kw_only=True)
class CentralCriticNetworks(NetworkSettings):
    """The agents' network, and the critic's."""

    critic_hidden_dim: int = setting(
        128,
        Count(1, MAX_UNITS),
        "units of each of the critic's two hidden layers. 128 in PyMARL's COMA.",
        before="observe_last_action",
    )
    zero_initial_values: bool = setting(
        True,
        Flag(),
        "whether the critic's values begin at 0 in every state, instead of with what PyTorch's random weights make of it; "
        "then the policies stay as they are until it has learned something. Off in PyMARL.",
    )


@dataclass(kw_only=True)
class CriticTargetNetworks(TargetNetworkSettings):
    """How the critic's target network follows it."""

    soft_tau: ClassVar[float] = QUICK_TAU

    tau: float | None = setting(
        None,
        Interval(0, 1, low_open=True),
        f"what a copy takes over: target ← τ·online + (1 - τ)·target. None: {QUICK_TAU} where every update makes a copy "
        "because neither an interval nor episodes are set, 1 where one is.",
    )
