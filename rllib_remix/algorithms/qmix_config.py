"""QMIX's settings: those of every team, and of value factorization: mixers, the loss's weighting, targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from rllib_remix.team.config import TeamAlgorithmConfig
from rllib_remix.team.settings.computing import ComputingSettings
from rllib_remix.team.settings.groups import SettingList
from rllib_remix.team.settings.loop import LoopSettings
from rllib_remix.team.settings.replay import DrawWords, ReplaySettings
from rllib_remix.team.settings.sequences import SequenceSettings
from rllib_remix.value_based import weighted_replay
from rllib_remix.value_based.combinations import check_weighting_of_value
from rllib_remix.value_based.described_weighting import described_weighting
from rllib_remix.value_based.learner import ValueLearner
from rllib_remix.value_based.loss_settings import LossSettings
from rllib_remix.value_based.network_settings import ValueNetworkSettings, sizes_of_mixer
from rllib_remix.value_based.presets import ONCE, PRESETS, PresetSettings
from rllib_remix.value_based.rl_module import ValueRLModule
from rllib_remix.value_based.schemes import find_scheme

if TYPE_CHECKING:

    class _Settings(PresetSettings, ValueNetworkSettings, LossSettings, SequenceSettings):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object


class QMIXConfig(TeamAlgorithmConfig, _Settings):
    """Settings of QMIX and of everything that is built on it.

    Example:
        >>> from rllib_remix import ReMIXConfig
        >>> config = (
        ...     ReMIXConfig()
        ...     .environment("predator_prey", env_config={"punishment": -2.0})
        ...     .env_runners(num_env_runners=0, num_envs_per_env_runner=8)
        ...     .training(train_batch_episodes=32, epsilon=[[0, 0.995], [100_000, 0.05]])
        ... )
        >>> algorithm = config.build_algo()  # doctest: +SKIP

    What holds for the settings of all algorithms is said at `TeamAlgorithmConfig`.
    """

    groups = (
        PresetSettings,
        ValueNetworkSettings,
        LossSettings,
        ReplaySettings,
        SequenceSettings,
        LoopSettings,
        ComputingSettings,
    )
    presets = PRESETS
    once = TeamAlgorithmConfig.once | dict(ONCE)
    algorithm = "rllib_remix.algorithms.qmix:QMIX"
    losses = ("td_loss", "q_star_loss")
    # Which of `value_based/combinations.py:UNMIXED` it is, if it has no mixer.
    unmixed: ClassVar[str] = ""

    def described_settings(self) -> list[SettingList]:
        """Also the settings of the weighting, if it has any."""
        weighting = described_weighting(self.weighting, self.weighting_config)
        return [*super().described_settings(), *([weighting] if weighting.settings else [])]

    def check_combinations(self) -> None:
        super().check_combinations()
        check_weighting_of_value(self)
        weighted_replay.check_weighted_replay(self)

    def networks(self) -> dict[str, Any]:
        scheme = find_scheme(self.weighting)
        return super().networks() | {
            "mixer": self.mixer,
            "use_q_star": scheme.needs_q_star,
            "use_mixer_gradient": scheme.needs_mixer_gradient,
            "mixer_embed_dim": self.mixer_embed_dim,
            "hypernet_hidden_dim": self.hypernet_hidden_dim,
            **sizes_of_mixer(self),
            "q_star_hidden_dim": self.q_star_hidden_dim,
            "zero_initial_values": self.zero_initial_values,
            "utility_clamp": tuple(self.utility_clamp) if self.utility_clamp else None,
        }

    def draws_by_priority(self) -> bool:
        return weighted_replay.draws_by_weight(self)

    def draw_words(self) -> DrawWords:
        return weighted_replay.DRAW_WORDS

    def priority_measure(self) -> str:
        return weighted_replay.priority_measure(self)

    def default_recent_share(self) -> float:
        return weighted_replay.default_recent_share(self)

    def get_default_learner_class(self) -> type:
        return ValueLearner

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        return RLModuleSpec(module_class=ValueRLModule, model_config=self.networks())
