"""IQL: independent Q-learning, in which every agent learns its own value of the team's reward (Tan 1993)."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.errors import SettingError
from rllib_remix.value_based.iql_learner import IQLLearner


class IQLConfig(QMIXConfig):
    """QMIX without a mixer, and with every agent's own error in the loss.

    All other defaults are QMIX's. (PyMARL2 has λ 0, a rate of 5e-4 and batches of 32 for IQL, which nobody tuned there.)

    `skip_removed_agents` must be off: an agent that has left would keep its value, while the team's return goes on, and
    there is neither a mixer nor a state to make up for that.
    """

    unmixed = "IQL"

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or IQL)
        self.mixer = None
        self.skip_removed_agents = False

    def check_combinations(self) -> None:
        super().check_combinations()
        if self.skip_removed_agents:
            raise SettingError(
                "skip_removed_agents: True is not allowed in IQL: an agent that has left would keep its value, while the "
                "return that it is fitted to goes on; it must be false."
            )

    def get_default_learner_class(self) -> type:
        return IQLLearner


class IQL(QMIX):
    """Independent Q-learning; RLlib's algorithm of that name, implicit Q-learning, is `ray.rllib.algorithms.iql.IQL`."""

    @classmethod
    def get_default_config(cls) -> IQLConfig:
        return IQLConfig()
