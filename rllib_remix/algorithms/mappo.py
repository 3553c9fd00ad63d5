"""MAPPO: proximal policy optimization of a team with a central value (Yu et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from rllib_remix.actor_critic.algorithm import OnPolicyActorCritic
from rllib_remix.actor_critic.config import OnPolicyConfig
from rllib_remix.actor_critic.mappo import MAPPOLearner, MAPPOModule
from rllib_remix.actor_critic.settings.common import OnPolicySettings
from rllib_remix.actor_critic.settings.mappo import (
    PRESETS,
    MAPPONetworks,
    MAPPOOptimizer,
    MAPPOPolicy,
    MAPPOPreset,
    MAPPOTargets,
)
from rllib_remix.team.settings.computing import ComputingSettings

if TYPE_CHECKING:

    class _Settings(MAPPOPreset, MAPPONetworks, MAPPOPolicy, MAPPOTargets, MAPPOOptimizer):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object


class MAPPOConfig(OnPolicyConfig, _Settings):
    """Settings of MAPPO. `num_epochs`, which RLlib has too, is how often an update learns its batch."""

    groups = (
        MAPPOPreset,
        MAPPONetworks,
        MAPPOPolicy,
        MAPPOTargets,
        MAPPOOptimizer,
        OnPolicySettings,
        ComputingSettings,
    )
    presets = PRESETS

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or MAPPO)
        self.lr = 5e-4  # as in the paper; an update makes several steps

    def networks(self) -> dict[str, Any]:
        own = ("critic_hidden_dim", "zero_initial_values", "normalize_values")
        values = {name: getattr(self, name) for name in own}
        return super().networks() | values | {"central_critic": "mappo"}

    def get_default_learner_class(self) -> type:
        return MAPPOLearner

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        return RLModuleSpec(module_class=MAPPOModule, model_config=self.networks())


class MAPPO(OnPolicyActorCritic):
    """Multi-agent proximal policy optimization."""

    config: MAPPOConfig

    @classmethod
    def get_default_config(cls) -> MAPPOConfig:
        return MAPPOConfig()

    def learner_result_keys(self) -> list[str]:
        return [*super().learner_result_keys(), "clipped_share", "kl", "explained_variance"]
