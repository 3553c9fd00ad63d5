"""COMA's own settings: its preset, and how fast its critic learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.actor_critic.settings.common import SeparateCriticSettings
from rllib_remix.settings import Interval
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.preset import preset_setting

# As PyMARL has it, but with one step of the critic per update, as EPyMARL, and not one for every time step.
PAPERS: Mapping[str, Any] = {
    "normalize_observations": False,
    "zero_initial_values": False,
    "entropy_coefficient": 0.0,
    "td_lambda": 0.8,
    "time_limit": "truncation",
    "truncated_value": "last",
    "optimizer_kind": "rmsprop",
    "lr": 5e-4,
    "critic_lr": 5e-4,
    "target_network_update_episodes": 32,
    "train_batch_episodes": 8,
    "reward_scale": 1.0,
    "normalize_rewards": False,
    "standardize_rewards": False,
    "epsilon": [[0, 0.5], [100_000, 0.01]],
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"papers": PAPERS}


@dataclass(kw_only=True)
class COMAPreset(SettingGroup):
    """Which defaults the other settings begin with."""

    title: ClassVar[str] = "Preset"

    preset: str | None = preset_setting(
        PRESETS, papers="as PyMARL trains COMA, with one step of the critic per update"
    )


@dataclass(kw_only=True)
class COMAOptimizer(SeparateCriticSettings):
    """What makes the steps of gradient descent, of actor and critic apart; `lr` is the actor's, `grad_clip` each's."""

    critic_lr: float | None = setting(
        3e-3,
        Interval(0, low_open=True),
        "learning rate of the critic; None is `lr`. More than that by default, as the critic makes one step per update here "
        "and one for every time step in PyMARL.",
    )
