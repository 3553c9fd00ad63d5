"""Qatten: the joint value is a sum of the agents' utilities, weighted by attention (Yang et al. 2020)."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig


class QattenConfig(QMIXConfig):
    """QMIX with the mixer `qatten`, of `mixer_heads` heads; for teams whose observations are no images."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or Qatten)
        self.mixer = "qatten"


class Qatten(QMIX):
    """Value factorization by attention to the agents."""

    @classmethod
    def get_default_config(cls) -> QattenConfig:
        return QattenConfig()
