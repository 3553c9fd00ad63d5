"""COMA: counterfactual multi-agent policy gradients (Foerster et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from rllib_remix.actor_critic.algorithm import OnPolicyActorCritic
from rllib_remix.actor_critic.coma import COMALearner, COMAModule
from rllib_remix.actor_critic.config import OnPolicyConfig
from rllib_remix.actor_critic.settings.central_critic import (
    QUICK_TAU,
    CentralCriticNetworks,
    CriticTargetNetworks,
)
from rllib_remix.actor_critic.settings.coma import PRESETS, COMAOptimizer, COMAPreset
from rllib_remix.actor_critic.settings.common import (
    EndingTargets,
    OnPolicySettings,
    PolicySettings,
)
from rllib_remix.team.settings.computing import ComputingSettings

if TYPE_CHECKING:

    class _Settings(COMAPreset, CentralCriticNetworks, COMAOptimizer):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object


class COMAConfig(OnPolicyConfig, _Settings):
    """Settings of COMA."""

    groups = (
        COMAPreset,
        CentralCriticNetworks,
        PolicySettings,
        EndingTargets,
        COMAOptimizer,
        CriticTargetNetworks,
        OnPolicySettings,
        ComputingSettings,
    )
    presets = PRESETS
    soft_tau: ClassVar[float] = QUICK_TAU

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or COMA)

    def networks(self) -> dict[str, Any]:
        own = ("critic_hidden_dim", "zero_initial_values")
        values = {name: getattr(self, name) for name in own}
        return super().networks() | values | {"central_critic": "coma"}

    def get_default_learner_class(self) -> type:
        return COMALearner

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        return RLModuleSpec(module_class=COMAModule, model_config=self.networks())


class COMA(OnPolicyActorCritic):
    """Counterfactual multi-agent policy gradients."""

    config: COMAConfig

    @classmethod
    def get_default_config(cls) -> COMAConfig:
        return COMAConfig()
