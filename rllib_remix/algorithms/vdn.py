"""VDN: the joint value is the sum of the agents' utilities (Sunehag et al. 2018)."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig


class VDNConfig(QMIXConfig):
    """QMIX with the additive mixer."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or VDN)
        self.mixer = "vdn"


class VDN(QMIX):
    """Value decomposition network."""

    @classmethod
    def get_default_config(cls) -> VDNConfig:
        return VDNConfig()
