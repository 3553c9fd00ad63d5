"""MAC-PO: QMIX with collective priority optimization as a loss weight (MAC-PO, Theorem 1 and Algorithm 1)."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig


class MACPOConfig(QMIXConfig):
    """QMIX with the weighting `macpo`; its settings are those of `rllib_remix.learning.weighting.macpo`."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or MACPO)
        self.weighting = "macpo"


class MACPO(QMIX):
    """Multi-agent collective priority optimization."""

    @classmethod
    def get_default_config(cls) -> MACPOConfig:
        return MACPOConfig()
