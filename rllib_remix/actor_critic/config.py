"""What the configs of actor-critics share: settings of policies, and what replay and rounds are without being set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rllib_remix.actor_critic.env_runner import ActorCriticEnvRunner, OnPolicyEnvRunner
from rllib_remix.actor_critic.settings.common import (
    ActorCriticTargets,
    OnPolicySettings,
    OptimizerSettings,
    PolicySettings,
)
from rllib_remix.errors import SettingError
from rllib_remix.team.config import TeamAlgorithmConfig
from rllib_remix.team.settings.computing import ComputingSettings
from rllib_remix.team.settings.loop import LoopSettings
from rllib_remix.team.settings.networks import NetworkSettings
from rllib_remix.team.settings.replay import EpisodeReplaySettings

if TYPE_CHECKING:

    class _Settings(PolicySettings, ActorCriticTargets, OptimizerSettings):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object

# Attributes that RLlib's configs have too, unset.
_OF_RLLIB, _UNSET = ("prioritized_replay_alpha", "prioritized_replay_beta"), -1


class ActorCriticConfig(TeamAlgorithmConfig, _Settings):
    """Settings of an actor-critic that learns from replay.

    Batches are drawn uniformly, maybe with a share of the newest episodes, which come last. A subclass names its learner
    and its RLModule, an ActorCriticLearner and an ActorCriticModule.
    """

    groups = (
        NetworkSettings,
        PolicySettings,
        ActorCriticTargets,
        OptimizerSettings,
        EpisodeReplaySettings,
        LoopSettings,
        ComputingSettings,
    )
    once: ClassVar[dict[str, Any]] = {}  # There is no earlier version.
    losses = ("policy_loss", "value_loss")

    # What TeamAlgorithm asks for: nothing is drawn by priority.
    replay_buffer = "uniform"
    prioritized_replay_epsilon = 1e-6

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class)
        self.env_runner_cls = ActorCriticEnvRunner

    def networks(self) -> dict[str, Any]:
        return super().networks() | {"stochastic_policy": True}

    def check_combinations(self) -> None:
        EpisodeReplaySettings.of(self).check_recent(self.recent_episodes_per_batch())
        for name in _OF_RLLIB:
            if (value := getattr(self, name)) != _UNSET:
                raise SettingError(
                    f"{name}: {value!r} is not allowed, because it would have no effect {self.draw_words().uniformly}, where "
                    f"batches are drawn uniformly. Leave it at {_UNSET}."
                )


class OnPolicyConfig(ActorCriticConfig):
    """Settings of an actor-critic that learns from what its newest weights have played.

    `train_batch_episodes` says it all: a round collects so many episodes, the replay buffer holds so many, one update
    is made of all of them, and the next round follows it.
    """

    groups = (
        NetworkSettings,
        PolicySettings,
        ActorCriticTargets,
        OptimizerSettings,
        OnPolicySettings,
        ComputingSettings,
    )

    instead: ClassVar[Mapping[str, str]] = {
        "shuffle_batch_per_epoch": "every update learns all that was played since the last",
        "buffer_size": "one batch is kept; use `train_batch_episodes`",
        "learning_starts": "the first update follows the first batch",
        "rollout_fragment_length": "whole episodes are always sampled; use `train_batch_episodes`",
    }

    # What TeamAlgorithm asks for, without target networks.
    num_replay_shards, overlap_sampling = 0, False
    recent_episodes_share, recent_episodes_capacity = 0.0, 1
    target_network_update_interval = target_network_update_episodes = tau = None

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class)
        self.env_runner_cls = OnPolicyEnvRunner

    @property
    def replay_buffer_capacity(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Episodes in the replay buffer: one batch."""
        return self.train_batch_episodes

    @property
    def rollout_episodes_per_update(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Episodes collected per update: one batch."""
        return self.train_batch_episodes

    def check_combinations(self) -> None:
        super().check_combinations()
        if not self.in_evaluation and (self.num_env_runners or 0) > self.train_batch_episodes:
            raise SettingError(
                f"num_env_runners: {self.num_env_runners} is more than the {self.train_batch_episodes} episodes that are "
                f"played between two updates (train_batch_episodes); allowed: 0 … {self.train_batch_episodes}, so "
                "that each plays one, or larger batches."
            )
