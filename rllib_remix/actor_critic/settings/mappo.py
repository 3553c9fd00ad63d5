"""MAPPO's own settings: its preset, its critic, how far an update may go, and how often it learns a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.actor_critic.settings.central_critic import CentralCriticNetworks
from rllib_remix.actor_critic.settings.common import (
    ActorCriticTargets,
    PolicySettings,
    SeparateCriticSettings,
)
from rllib_remix.settings import Count, Flag, Interval
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.networks import MAX_UNITS
from rllib_remix.team.settings.preset import preset_setting

MAX_EPOCHS = 1_000  # passes over a batch; more of them are a slip

# As the authors' code has it by default, whose batches are 3,200 steps: here as many episodes of 100.
PAPERS: Mapping[str, Any] = {
    "normalize_observations": True,
    "critic_hidden_dim": 64,
    "zero_initial_values": False,
    "clip_range": 0.2,
    "entropy_coefficient": 0.01,
    "td_lambda": 0.95,
    "time_limit": "termination",
    "normalize_values": True,
    "normalize_advantages": True,
    "value_clip_range": 0.2,
    "huber_delta": 10.0,
    "num_epochs": 15,
    "optimizer_kind": "adam",
    "lr": 5e-4,
    "critic_lr": 5e-4,
    "grad_clip": 10.0,
    "train_batch_episodes": 32,
    "reward_scale": 1.0,
    "normalize_rewards": False,
    "standardize_rewards": False,
    "epsilon": 0.0,
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"papers": PAPERS}


@dataclass(kw_only=True)
class MAPPOPreset(SettingGroup):
    """Which defaults the other settings begin with."""

    title: ClassVar[str] = "Preset"

    preset: str | None = preset_setting(
        PRESETS, papers="as MAPPO's authors train it, with a batch counted in episodes"
    )


@dataclass(kw_only=True)
class MAPPONetworks(CentralCriticNetworks):
    """The agents' network, and the critic's, which values every agent's state."""

    critic_hidden_dim: int = setting(
        128,
        Count(1, MAX_UNITS),
        "units of each of the critic's two hidden layers. 64 in the authors' code.",
        before="observe_last_action",
    )
    zero_initial_values: bool = setting(
        True,
        Flag(),
        "whether the critic begins with the mean of the returns (`normalize_values`; otherwise with 0) in every state, instead of "
        "with what PyTorch's random weights make of it. Off in the authors' code.",
    )


@dataclass(kw_only=True)
class MAPPOPolicy(PolicySettings):
    """The agents' stochastic policies, and how far an update may move them."""

    entropy_coefficient: float = setting(
        0.01,
        Interval(0),
        "factor of the policies' mean entropy in the loss, over agents that have a choice, which keeps them from becoming sure "
        "too early. 0.01 in the authors' code.",
    )
    clip_range: float = setting(
        0.2,
        Interval(0, 1, low_open=True, high_open=True),
        "c: nothing is won by moving the probability of an action that was taken beyond 1 ± c times what it was when it was "
        "played. 0.2 in the paper, and less where learning is unstable.",
        before="actions_in_evaluation",
    )


@dataclass(kw_only=True)
class MAPPOTargets(ActorCriticTargets):
    """What the critic's values are fitted to, and in which unit."""

    td_lambda: float = setting(
        0.95,
        Interval(0, 1),
        "λ of the λ-return, and so of the advantages above the values (GAE); 0 is one-step, 1 Monte Carlo. 0.95 in the paper.",
    )
    normalize_values: bool = setting(
        True,
        Flag(),
        "whether the critic's network computes in deviations of all returns so far from their mean. On in the paper.",
    )
    normalize_advantages: bool = setting(
        True,
        Flag(),
        "whether an update subtracts the mean of its batch's advantages and divides by their deviation. On in the authors' code.",
    )


@dataclass(kw_only=True)
class MAPPOOptimizer(SeparateCriticSettings):
    """What makes the steps of gradient descent, of actor and critic apart; `lr` is the actor's, `grad_clip` each's."""

    num_epochs: int = setting(
        5,
        Count(1, MAX_EPOCHS),
        "steps of gradient descent that an update makes, each of the whole batch. 5, 10 or 15 in the paper: more for easy "
        "games, fewer for hard ones.",
        before="optimizer_kind",
    )
    value_clip_range: float | None = setting(
        0.2,
        Interval(0, low_open=True),
        "beyond which distance from what it was before the update a value is drawn nearer to its target no more; in "
        "deviations of returns, with `normalize_values`. None: no limit. 0.2 in the authors' code.",
    )
    huber_delta: float | None = setting(
        10.0,
        Interval(0, low_open=True),
        "from which distance of target and value on the value loss is linear, in the same unit. None: squared everywhere. "
        "10 in the authors' code.",
    )
