"""QPLEX: duplex dueling, which fits every joint value whose best action each agent finds alone (Wang et al. 2021)."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig


class QPLEXConfig(QMIXConfig):
    """QMIX with the mixer `qplex`; `mixer_heads` and `importance_layers` are of its importances.

    All weightings go with it but those that need the gradient of the mixer, as `remix` does.
    """

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or QPLEX)
        self.mixer = "qplex"


class QPLEX(QMIX):
    """Duplex dueling multi-agent Q-learning."""

    @classmethod
    def get_default_config(cls) -> QPLEXConfig:
        return QPLEXConfig()
