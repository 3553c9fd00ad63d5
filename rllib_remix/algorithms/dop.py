"""DOP: off-policy decomposed policy gradients, of stochastic policies (Wang et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from rllib_remix.actor_critic.algorithm import ActorCritic
from rllib_remix.actor_critic.config import ActorCriticConfig
from rllib_remix.actor_critic.dop import DOPLearner, DOPModule
from rllib_remix.actor_critic.settings.central_critic import QUICK_TAU
from rllib_remix.actor_critic.settings.common import PolicySettings, SeparateCriticSettings
from rllib_remix.actor_critic.settings.dop import (
    PRESETS,
    DOPLoop,
    DOPNetworks,
    DOPPreset,
    DOPReplay,
    DOPTargets,
    check_shares,
)
from rllib_remix.team.settings.computing import ComputingSettings

if TYPE_CHECKING:

    class _Settings(DOPPreset, DOPNetworks, DOPTargets, SeparateCriticSettings):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object


class DOPConfig(ActorCriticConfig, _Settings):
    """Settings of DOP."""

    groups = (
        DOPPreset,
        DOPNetworks,
        PolicySettings,
        DOPTargets,
        SeparateCriticSettings,
        DOPReplay,
        DOPLoop,
        ComputingSettings,
    )
    presets = PRESETS
    soft_tau: ClassVar[float] = QUICK_TAU

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or DOP)

    def check_combinations(self) -> None:
        super().check_combinations()
        check_shares(self)

    def default_recent_share(self) -> float:
        return 1 / 3

    def networks(self) -> dict[str, Any]:
        own = ("critic_hidden_dim", "mixer_embed_dim", "zero_initial_values")
        values = {name: getattr(self, name) for name in own}
        return super().networks() | values | {"central_critic": "dop"}

    def get_default_learner_class(self) -> type:
        return DOPLearner

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        return RLModuleSpec(module_class=DOPModule, model_config=self.networks())


class DOP(ActorCritic):
    """Off-policy decomposed policy gradients."""

    config: DOPConfig

    @classmethod
    def get_default_config(cls) -> DOPConfig:
        return DOPConfig()

    def learner_result_keys(self) -> list[str]:
        return [*super().learner_result_keys(), "largest_weight_mean", "old_action_probability_mean"]
