"""DOP's own settings: its preset, its critic, its targets, and how much of every batch is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.actor_critic.settings.central_critic import (
    CentralCriticNetworks,
    CriticTargetNetworks,
)
from rllib_remix.actor_critic.settings.common import ActorCriticTargets
from rllib_remix.errors import SettingError
from rllib_remix.settings import Count, Interval, Schedule
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.loop import LoopSettings
from rllib_remix.team.settings.networks import MAX_UNITS
from rllib_remix.team.settings.preset import preset_setting
from rllib_remix.team.settings.replay import MAX_EPISODES, EpisodeReplaySettings

# As the authors' code has it, but with one step of the critic per update, and not one for every time step.
PAPERS: Mapping[str, Any] = {
    "normalize_observations": False,
    "zero_initial_values": False,
    "entropy_coefficient": 0.0,
    "td_lambda": 0.8,
    "tree_backup_lambda": 0.93,
    "tree_backup_steps": 5,
    "time_limit": "truncation",
    "truncated_value": "last",
    "optimizer_kind": "rmsprop",
    "lr": 5e-4,
    "critic_lr": 1e-4,
    "grad_clip": 20.0,
    "target_network_update_episodes": 40,
    "train_batch_episodes": 48,
    "replay_buffer_capacity": 5000,
    "recent_episodes_share": 1 / 3,
    "recent_episodes_capacity": 32,
    "rollout_episodes_per_update": 4,
    "reward_scale": 1.0,
    "normalize_rewards": False,
    "standardize_rewards": False,
    "epsilon": [[0, 0.5], [500_000, 0.05]],
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"papers": PAPERS}


@dataclass(kw_only=True)
class DOPPreset(SettingGroup):
    """Which defaults the other settings begin with."""

    title: ClassVar[str] = "Preset"

    preset: str | None = preset_setting(
        PRESETS, papers="as DOP's authors train it on SMAC, with one step of the critic per update"
    )


@dataclass(kw_only=True)
class DOPNetworks(CentralCriticNetworks):
    """The agents' network, and the critic's, which is linear in the agents' values."""

    critic_hidden_dim: int = setting(
        256,
        Count(1, MAX_UNITS),
        "units of each of the critic's two hidden layers. 256 in the authors' code.",
        before="observe_last_action",
    )
    mixer_embed_dim: int = setting(
        32,
        Count(1, MAX_UNITS),
        "units of the products that say what each agent's value counts in the team's. 32 in the authors' code.",
        before="observe_last_action",
    )


@dataclass(kw_only=True)
class DOPTargets(ActorCriticTargets):
    """What the critic's values are fitted to: λ-returns of the newest episodes, tree backups of the others."""

    tree_backup_lambda: float = setting(
        0.93,
        Interval(0, 1),
        "λ of the tree backup; 0 is one-step. 0.93 in the authors' code.",
        before="time_limit",
    )
    tree_backup_steps: int = setting(
        5,
        Count(1),
        "how many steps' errors a tree backup adds up at most. 5 in the authors' code.",
        before="time_limit",
    )


@dataclass(kw_only=True)
class DOPReplay(EpisodeReplaySettings):
    """Which episodes are kept, and how many are drawn: the newest, from which policies learn too, and any."""

    train_batch_episodes: int = setting(
        48,
        Count(1, MAX_EPISODES),
        "episodes per update, the newest among them. 16 new and 32 of all in the authors' code.",
    )
    recent_episodes_share: float | None = setting(
        None,
        Interval(0, 1, low_open=True),
        "share of every batch that is drawn from the newest episodes alone. The policies learn from these; the critic's "
        "targets of these are λ-returns. None is 1/3; with 1 nothing is drawn from the others.",
    )
    recent_episodes_capacity: int = setting(
        32,
        Count(1, MAX_EPISODES),
        "how many of the newest episodes these are. 32 in the authors' code.",
    )


@dataclass(kw_only=True)
class DOPLoop(LoopSettings, CriticTargetNetworks):
    """How playing and learning take turns."""

    soft_tau: ClassVar[float] = CriticTargetNetworks.soft_tau

    rollout_episodes_per_update: int = setting(
        4,
        Count(1, MAX_EPISODES),
        "episodes collected per update, whatever the number of env runners. 4 in the authors' code.",
        before="target_network_update_interval",
    )
    epsilon: float | list[list[float]] = setting(
        0.0,
        Schedule(0, 1),
        "with which probability an agent takes a uniformly random available action instead of one drawn from its policy; "
        "or its schedule over env steps. The policies' loss knows nothing of it; the tree backup needs not.",
    )


def check_shares(config: Any) -> None:
    """Raises SettingError for settings of the tree backup if batches hold no episode that would have one."""
    if config.recent_episodes_per_batch() < config.train_batch_episodes:
        return
    defaults = DOPTargets()
    for name in ("tree_backup_lambda", "tree_backup_steps"):
        if (value := getattr(config, name)) != (default := getattr(defaults, name)):
            raise SettingError(
                f"{name}: {value!r} is not allowed, because it would have no effect where all {config.train_batch_episodes} "
                "episodes of a batch are of the newest (recent_episodes_share × train_batch_episodes), whose targets are "
                f"λ-returns. Leave it at {default!r}, or lower recent_episodes_share."
            )
