"""FOP: policies of most entropy that factorize the optimal joint policy (Zhang et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from rllib_remix.actor_critic.algorithm import ActorCritic
from rllib_remix.actor_critic.config import ActorCriticConfig
from rllib_remix.actor_critic.fop import FOPLearner, FOPModule
from rllib_remix.actor_critic.settings.common import SeparateCriticSettings
from rllib_remix.actor_critic.settings.fop import (
    PRESETS,
    FOPLoop,
    FOPNetworks,
    FOPPolicy,
    FOPPreset,
    FOPTargets,
)
from rllib_remix.team.settings.computing import ComputingSettings
from rllib_remix.team.settings.replay import EpisodeReplaySettings

if TYPE_CHECKING:

    class _Settings(FOPPreset, FOPNetworks, FOPPolicy, FOPTargets, SeparateCriticSettings):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object


class FOPConfig(ActorCriticConfig, _Settings):
    """Settings of FOP."""

    groups = (
        FOPPreset,
        FOPNetworks,
        FOPPolicy,
        FOPTargets,
        SeparateCriticSettings,
        EpisodeReplaySettings,
        FOPLoop,
        ComputingSettings,
    )
    presets = PRESETS

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or FOP)

    def networks(self) -> dict[str, Any]:
        own = ("mixer_embed_dim", "hypernet_hidden_dim", "mixer_heads", "importance_layers")
        values = {name: getattr(self, name) for name in (*own, "zero_initial_values")}
        return super().networks() | values | {"use_twin_critics": True}

    def get_default_learner_class(self) -> type:
        return FOPLearner

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        return RLModuleSpec(module_class=FOPModule, model_config=self.networks())


class FOP(ActorCritic):
    """Policies of most entropy that factorize the optimal joint policy."""

    config: FOPConfig

    @classmethod
    def get_default_config(cls) -> FOPConfig:
        return FOPConfig()

    def learner_result_keys(self) -> list[str]:
        return [*super().learner_result_keys(), "temperature", "twin_difference_mean"]
