"""FOP's own settings: its preset, its critics, and the temperature of its policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.actor_critic.settings.common import ActorCriticTargets, StochasticPolicySettings
from rllib_remix.settings import Count, Flag, Interval, Schedule
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.loop import LoopSettings
from rllib_remix.team.settings.networks import MAX_HEADS, MAX_LAYERS, MAX_UNITS, NetworkSettings
from rllib_remix.team.settings.preset import preset_setting

LEAST_TEMPERATURE, GREATEST_TEMPERATURE = 1e-4, 1e4  # beyond, values of everyday size leave float32

# As the authors' code has it, but with two layers in the nets of the importances.
PAPERS: Mapping[str, Any] = {
    "normalize_observations": False,
    "zero_initial_values": False,
    "temperature": [[0, 0.5], [90_000, 0.05]],
    "td_lambda": 0.8,
    "time_limit": "truncation",
    "truncated_value": "last",
    "optimizer_kind": "rmsprop",
    "lr": 5e-4,
    "critic_lr": 5e-4,
    "target_network_update_episodes": 200,
    "train_batch_episodes": 32,
    "replay_buffer_capacity": 5000,
    "rollout_episodes_per_update": 1,
    "reward_scale": 1.0,
    "normalize_rewards": False,
    "standardize_rewards": False,
    "epsilon": [[0, 1.0], [50_000, 0.05]],
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"papers": PAPERS}


@dataclass(kw_only=True)
class FOPPreset(SettingGroup):
    """Which defaults the other settings begin with."""

    title: ClassVar[str] = "Preset"

    preset: str | None = preset_setting(
        PRESETS, papers="as FOP's authors train it, with two layers in the nets of the importances"
    )


@dataclass(kw_only=True)
class FOPNetworks(NetworkSettings):
    """The agents' network, and the twin critics': agents of the same shape, and what makes the team's value of theirs."""

    mixer_embed_dim: int = setting(
        32,
        Count(1, MAX_UNITS),
        "units of the hidden layer of V(s). 32 in the authors' code.",
        before="observe_last_action",
    )
    hypernet_hidden_dim: int = setting(
        64,
        Count(1, MAX_UNITS),
        "units of the networks that give the importances, where they have hidden layers.",
        before="observe_last_action",
    )
    mixer_heads: int = setting(
        4,
        Count(1, MAX_HEADS),
        "how many products the importances add up (K). 4 in the authors' code.",
        before="observe_last_action",
    )
    importance_layers: int = setting(
        2,
        Count(1, MAX_LAYERS),
        "layers of each of the nets that give the importances. 1 in the authors' code, with which the actions of two agents "
        "only add up inside a sigmoid, and the matrix game is not solved.",
        before="observe_last_action",
    )
    zero_initial_values: bool = setting(
        True,
        Flag(),
        "whether V(s) and the values of the agents' actions begin at 0; then the policies stay nearly as they are until the "
        "critics have learned something. Off in the authors' code.",
        before="observe_last_action",
    )


@dataclass(kw_only=True)
class FOPPolicy(StochasticPolicySettings):
    """The agents' stochastic policies."""

    temperature: float | list[list[float]] = setting(
        [[0, 0.5], [90_000, 0.05]],
        Schedule(LEAST_TEMPERATURE, GREATEST_TEMPERATURE),
        "α, what an agent's entropy counts against its value, in the unit of the rewards that are learned; or its schedule over "
        "env steps. Policies are drawn to softmax(Q/α). As in the authors' code.",
        before="actions_in_evaluation",
    )


@dataclass(kw_only=True)
class FOPTargets(ActorCriticTargets):
    """What the critics' values are fitted to."""

    td_lambda: float = setting(
        0.0,
        Interval(0, 1),
        "λ of the λ-return; 0 is one-step, 1 Monte Carlo. Returns follow what was played and are not corrected, so that 0 alone is "
        "right whoever played. 0.8 in the authors' code, with which the two-step game ends at 7.",
    )


@dataclass(kw_only=True)
class FOPLoop(LoopSettings):
    """How playing and learning take turns."""

    epsilon: float | list[list[float]] = setting(
        0.0,
        Schedule(0, 1),
        "with which probability an agent takes a uniformly random available action instead of one drawn from its policy; "
        "or its schedule over env steps. The losses ask for what the policies would do, whoever played.",
    )
