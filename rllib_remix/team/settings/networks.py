"""Settings of the networks that every team has: one recurrent network that all agents share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.settings import Count, Flag
from rllib_remix.team.settings.groups import SettingGroup, setting

MAX_UNITS = 16_384  # of a layer; its weights are some GB then


@dataclass(kw_only=True)
class NetworkSettings(SettingGroup):
    """The agents' network."""

    title: ClassVar[str] = "Networks"

    agent_hidden_dim: int = setting(
        64,
        Count(1, MAX_UNITS),
        "units of each agent's encoder and GRU. 64 in pymarl2, on which both papers build.",
    )
    observe_last_action: bool = setting(True, Flag(), "whether agents see a one-hot of their last action.")
    observe_agent_id: bool = setting(
        True,
        Flag(),
        "whether agents see a one-hot of their index. The public configurations of Predator-Prey behind both papers "
        "leave it out (`obs_agent_id: False`).",
    )
