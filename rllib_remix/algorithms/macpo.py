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


class MACPOApproxConfig(QMIXConfig):
    """QMIX with the weighting `macpo_approx`; its settings: `rllib_remix.learning.weighting.macpo_approx`."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or MACPOApprox)
        self.weighting = "macpo_approx"


class MACPOApprox(QMIX):
    """Multi-agent collective priority optimization with three levels in the place of J (Algorithm 2)."""

    @classmethod
    def get_default_config(cls) -> MACPOApproxConfig:
        return MACPOApproxConfig()
