"""VDAC: value-decomposition actor-critic (Su et al. 2021), VDAC-mix and VDAC-sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from rllib_remix.actor_critic.algorithm import OnPolicyActorCritic
from rllib_remix.actor_critic.config import OnPolicyConfig
from rllib_remix.actor_critic.settings.common import EndingTargets, OnPolicySettings, OptimizerSettings
from rllib_remix.actor_critic.settings.vdac import (
    PRESETS,
    VDACNetworkSettings,
    VDACPolicySettings,
    VDACPreset,
)
from rllib_remix.actor_critic.vdac import VDACLearner, VDACModule
from rllib_remix.team.settings.computing import ComputingSettings

if TYPE_CHECKING:

    class _Settings(VDACPreset, VDACNetworkSettings, VDACPolicySettings):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object


class VDACConfig(OnPolicyConfig, _Settings):
    """Settings of VDAC-mix; with `mixer` vdn of VDAC-sum."""

    groups = (
        VDACPreset,
        VDACNetworkSettings,
        VDACPolicySettings,
        EndingTargets,
        OptimizerSettings,
        OnPolicySettings,
        ComputingSettings,
    )
    presets = PRESETS

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or VDAC)

    def networks(self) -> dict[str, Any]:
        own = ("mixer", "mixer_embed_dim", "hypernet_hidden_dim", "zero_initial_values")
        values = {name: getattr(self, name) for name in own}
        return super().networks() | values | {"agent_extra_outputs": 1, "utility_clamp": None}

    def get_default_learner_class(self) -> type:
        return VDACLearner

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        return RLModuleSpec(module_class=VDACModule, model_config=self.networks())


class VDAC(OnPolicyActorCritic):
    """Value-decomposition actor-critic."""

    config: VDACConfig

    @classmethod
    def get_default_config(cls) -> VDACConfig:
        return VDACConfig()
