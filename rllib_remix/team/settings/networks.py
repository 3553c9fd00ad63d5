"""Settings of the networks that every team has: recurrent ones, which all agents share, some, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.models.groups.assignment import Sharing
from rllib_remix.models.image_encoder import ENCODERS
from rllib_remix.settings import Count, Flag, OneOf
from rllib_remix.team.settings.groups import SettingGroup, setting

MAX_UNITS = 16_384  # of a layer; its weights are some GB then
MAX_HEADS, MAX_LAYERS = 64, 8  # of attention and of importances, as checkpoints allow


@dataclass(kw_only=True)
class NetworkSettings(SettingGroup):
    """The agents' network, or networks."""

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
    share_parameters: bool | dict[str, list[str]] = setting(
        True,
        Sharing(),
        "whether all agents share one set of parameters. false: every agent has its own, of networks of the same shape; a "
        "mapping: the agents of a group share theirs, as in {scouts: [agent_0], others: [agent_1, agent_2]}. Networks "
        "that read the state and the normaliser of observations are of the whole team in any case. On in both papers.",
    )
    encoder: str = setting(
        "auto",
        OneOf(ENCODERS),
        "how agents read what they see: cnn by three convolutions, for images; mlp as a flat vector; auto takes cnn for "
        "images. uint8 is divided by 255 in a cnn, and only there.",
    )
    observe_time: bool = setting(
        False,
        Flag(),
        "whether the agents and the networks that read the state see the time, t / episode_limit. The end of an episode by its time limit is "
        "then no surprise (Pardo et al. 2018).",
    )
    normalize_observations: bool | None = setting(
        None,
        Flag(),
        "whether every number of an observation and of the state is normalised by its running mean and deviation over the "
        "batches, within ±10 deviations. None: unless the agents see images. Off in both papers.",
    )
