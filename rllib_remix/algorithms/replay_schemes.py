"""The prioritized replay schemes that MAC-PO is compared with (section 5.1), on QMIX."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig


class PERQMIXConfig(QMIXConfig):
    """QMIX with the weighting `per`; its settings are those of `rllib_remix.learning.weighting.per`."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or PERQMIX)
        self.weighting = "per"


class PERQMIX(QMIX):
    """QMIX with prioritized experience replay (Schaul et al. 2016)."""

    @classmethod
    def get_default_config(cls) -> PERQMIXConfig:
        return PERQMIXConfig()


class PSERQMIXConfig(QMIXConfig):
    """QMIX with the weighting `pser`; its settings are those of `rllib_remix.learning.weighting.pser`."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or PSERQMIX)
        self.weighting = "pser"


class PSERQMIX(QMIX):
    """QMIX with prioritized sequence experience replay (Brittain et al. 2019)."""

    @classmethod
    def get_default_config(cls) -> PSERQMIXConfig:
        return PSERQMIXConfig()


class DisCorQMIXConfig(QMIXConfig):
    """QMIX with the weighting `discor`; its settings are those of `rllib_remix.learning.weighting.discor`."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or DisCorQMIX)
        self.weighting = "discor"


class DisCorQMIX(QMIX):
    """QMIX with distribution correction (Kumar et al. 2020)."""

    @classmethod
    def get_default_config(cls) -> DisCorQMIXConfig:
        return DisCorQMIXConfig()


class ReMERNQMIXConfig(QMIXConfig):
    """QMIX with the weighting `remern`; its settings are those of `rllib_remix.learning.weighting.remern`."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or ReMERNQMIX)
        self.weighting = "remern"


class ReMERNQMIX(QMIX):
    """QMIX with regret-minimizing experience replay (Liu et al. 2021), the team as one agent."""

    @classmethod
    def get_default_config(cls) -> ReMERNQMIXConfig:
        return ReMERNQMIXConfig()
