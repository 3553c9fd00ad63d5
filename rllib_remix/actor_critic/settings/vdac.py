"""VDAC's own settings: its preset, its mixer, and the weight of its value loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.actor_critic.settings.common import PolicySettings
from rllib_remix.errors import SettingError
from rllib_remix.models.mixers import MIXERS
from rllib_remix.settings import Count, Flag, Interval, OneOf
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.networks import MAX_UNITS, NetworkSettings
from rllib_remix.team.settings.preset import preset_setting

# As pymarl2 has VDAC-mix ("vmix"), with whose code both papers compare.
PAPERS: Mapping[str, Any] = {
    "normalize_observations": False,
    "zero_initial_values": False,
    "entropy_coefficient": 0.01,
    "value_loss_weight": 0.1,
    "td_lambda": 0.8,
    "time_limit": "truncation",
    "truncated_value": "last",
    "optimizer_kind": "rmsprop",
    "lr": 1e-3,
    "train_batch_episodes": 8,
    "reward_scale": 1.0,
    "normalize_rewards": False,
    "standardize_rewards": False,
    "epsilon": [[0, 0.5], [100_000, 0.0]],
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"papers": PAPERS}

# Of values, which no actions belong to.
MIXERS_OF_VALUES = [
    name
    for name, mixer in MIXERS.items()
    if not (mixer.needs_best or mixer.needs_actions or mixer.needs_agents)
]


@dataclass(kw_only=True)
class VDACPreset(SettingGroup):
    """Which defaults the other settings begin with."""

    title: ClassVar[str] = "Preset"

    preset: str | None = preset_setting(PRESETS, papers="as pymarl2 trains VDAC-mix")


@dataclass(kw_only=True)
class VDACNetworkSettings(NetworkSettings):
    """The agents' network, which gives their values too, and the mixer of these."""

    mixer: str = setting(
        "qmix",
        OneOf(MIXERS_OF_VALUES),
        "how the agents' values become the team's. qmix is monotonic (VDAC-mix), vdn the sum (VDAC-sum).",
        before="agent_hidden_dim",
    )
    mixer_embed_dim: int = setting(
        32,
        Count(1, MAX_UNITS),
        "units of the mixing layer of `mixer` qmix. 32 in pymarl2.",
        before="observe_last_action",
    )
    hypernet_hidden_dim: int = setting(
        64,
        Count(1, MAX_UNITS),
        "units of the networks that produce the mixing weights of `mixer` qmix.",
        before="observe_last_action",
    )
    zero_initial_values: bool = setting(
        True,
        Flag(),
        "whether V_tot of `mixer` qmix begins near 0 in every state, instead of with what PyTorch's random weights make "
        "of the state. Off in pymarl2.",
    )

    def check(self) -> None:
        super().check()
        defaults = type(self)()
        for name in ("mixer_embed_dim", "hypernet_hidden_dim"):
            value, default = getattr(self, name), getattr(defaults, name)
            if name not in MIXERS[self.mixer].sizes and value != default:
                raise SettingError(
                    f"{name}: {value!r} is not allowed, because it would have no effect with mixer {self.mixer!r}, which has no "
                    f"such size. Leave it at {default!r}, or use mixer 'qmix'."
                )


@dataclass(kw_only=True)
class VDACPolicySettings(PolicySettings):
    """The agents' stochastic policies, and how much their values count beside them."""

    value_loss_weight: float = setting(
        0.1,
        Interval(0, low_open=True),
        "factor of the squared error of V_tot in the loss, whose weights the policies share. 0.1 in pymarl2.",
    )
