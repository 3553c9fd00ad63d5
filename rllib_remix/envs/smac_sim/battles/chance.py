"""Random draws of a battle, from the stream that its record carries; see envs/random_streams.py."""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.random_streams import GOLDEN, mix

_UNIT_INTERVAL = 1.0 / 2**53


@kernel
def next_bits(battle):
    """64 random bits; the stream moves on in place."""
    battle.stream += GOLDEN
    return mix(battle.stream)


@kernel
def next_below(battle, bound):
    """A uniform integer in [0, bound)."""
    return int(((next_bits(battle) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@kernel
def uniform(battle):
    """A uniform number in [0, 1)."""
    return (next_bits(battle) >> np.uint64(11)) * _UNIT_INTERVAL
