"""OW-QMIX and CW-QMIX: QMIX that weighs down what it should not fit (Rashid et al. 2020)."""

from __future__ import annotations

from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.algorithms.qmix_config import QMIXConfig


class OWQMIXConfig(QMIXConfig):
    """QMIX with the optimistic weighting: overestimated steps weigh α."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or OWQMIX)
        self.weighting = "ow"


class OWQMIX(QMIX):
    """Optimistically weighted QMIX."""

    @classmethod
    def get_default_config(cls) -> OWQMIXConfig:
        return OWQMIXConfig()


class CWQMIXConfig(QMIXConfig):
    """QMIX with the central weighting: joint actions that are neither greedy nor better weigh α."""

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class or CWQMIX)
        self.weighting = "cw"


class CWQMIX(QMIX):
    """Centrally weighted QMIX."""

    @classmethod
    def get_default_config(cls) -> CWQMIXConfig:
        return CWQMIXConfig()
