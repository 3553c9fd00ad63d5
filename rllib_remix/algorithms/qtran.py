"""QTRAN-base: a free joint value, and agents whose greedy actions agree with it by two constraints (Son et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.team.settings.computing import ComputingSettings
from rllib_remix.team.settings.loop import LoopSettings
from rllib_remix.team.settings.replay import ReplaySettings
from rllib_remix.team.settings.sequences import SequenceSettings
from rllib_remix.value_based.loss_settings import LossSettings
from rllib_remix.value_based.network_settings import ValueNetworkSettings
from rllib_remix.value_based.presets import PresetSettings
from rllib_remix.value_based.qtran_learner import QTRANLearner
from rllib_remix.value_based.qtran_module import QTRANModule
from rllib_remix.value_based.qtran_settings import QTRANSettings

if TYPE_CHECKING:

    class _Config(QMIXConfig, QTRANSettings):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Config = QMIXConfig


class QTRANConfig(_Config):
    """Settings of QTRAN-base: QMIX's, without a mixer, and those of `QTRANSettings`.

    All other defaults are QMIX's, the λ-return too. (PyMARL and PyMARL2 have one-step targets, `td_lambda` 0.)
    """

    groups = (
        PresetSettings,
        ValueNetworkSettings,
        LossSettings,
        QTRANSettings,
        ReplaySettings,
        SequenceSettings,
        LoopSettings,
        ComputingSettings,
    )
    losses = ("td_loss", "opt_loss", "nopt_loss")
    unmixed = "QTRAN"

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or QTRAN)
        self.mixer = None

    def networks(self) -> dict[str, Any]:
        return super().networks() | {
            "agent_extra_outputs": self.agent_hidden_dim,
            "use_q_jt": True,
            "q_jt_hidden_dim": self.q_jt_hidden_dim,
        }

    def get_default_learner_class(self) -> type:
        return QTRANLearner

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        return RLModuleSpec(module_class=QTRANModule, model_config=self.networks())


class QTRAN(QMIX):
    """Factorization by transformation, in its base form."""

    config: QTRANConfig

    @classmethod
    def get_default_config(cls) -> QTRANConfig:
        return QTRANConfig()

    def learner_result_keys(self) -> list[str]:
        return [*super().learner_result_keys(), "opt_loss", "nopt_loss"]
