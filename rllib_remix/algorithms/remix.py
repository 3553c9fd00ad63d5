"""ReMIX: QMIX with the regret-minimizing projection weight (ReMIX, Theorem 1 and Algorithm 1)."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig


class ReMIXConfig(QMIXConfig):
    """QMIX with the weighting `remix`; its settings are those of `rllib_remix.learning.weighting.remix`."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or ReMIX)
        self.weighting = "remix"


class ReMIX(QMIX):
    """Regret-minimizing value factorization."""

    @classmethod
    def get_default_config(cls) -> ReMIXConfig:
        return ReMIXConfig()
