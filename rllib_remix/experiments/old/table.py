"""What became of every setting of RLlib up to Ray 2.41, the last with the old API stack's command.

`fate_of` is the way in. Facts of RLlib's new API stack were read from Ray 2.60: which settings its env runners,
learners, connectors and default modules still look at.
"""

from __future__ import annotations

from rllib_remix.experiments.old.fates import Fate
from rllib_remix.experiments.old.settings_of_algorithms import FATES_BY_ALGORITHM
from rllib_remix.experiments.old.settings_of_all import FATES


def fate_of(algorithm: str, name: str) -> Fate | None:
    """What became of a setting.

    Args:
        algorithm: as in `FATES_BY_ALGORITHM`; others have only the settings of all algorithms.
        name: the setting, as RLlib up to Ray 2.41 has it.

    Returns:
        Its fate, or None for a name that no old version had, such as a setting of now.
    """
    return FATES_BY_ALGORITHM.get(algorithm, {}).get(name) or FATES.get(name)
