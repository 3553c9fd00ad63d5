"""Presets: values of several settings under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.team.settings.groups import SettingGroup
from rllib_remix.team.settings.preset import preset_setting

# As both papers train (ReMIX and MAC-PO, table 2); what they do not say, as pymarl2 has it, on which both build.
PAPERS: Mapping[str, Any] = {
    "normalize_observations": False,
    "zero_initial_values": False,
    "td_lambda": 0.6,
    "td_trace": "peng",
    "time_limit": "truncation",
    "truncated_value": "last",
    "limit_targets": False,
    "train_batch_episodes": 128,
    "rollout_episodes_per_update": 8,
    "target_network_update_episodes": 200,
    "tau": 1.0,
    "reward_scale": 1.0,
    "normalize_rewards": False,
    "standardize_rewards": False,
}

# What every config had before these were settings, beside what TeamAlgorithmConfig names.
ONCE: Mapping[str, Any] = {
    "td_trace": "peng",
    "time_limit": "truncation",
    "truncated_value": "last",
    "limit_targets": False,
    "zero_initial_values": False,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {"papers": PAPERS}


@dataclass(kw_only=True)
class PresetSettings(SettingGroup):
    """Which defaults the other settings begin with."""

    title: ClassVar[str] = "Preset"

    preset: str | None = preset_setting(
        PRESETS, papers="as both papers train, but for the capacity of the replay buffer"
    )
