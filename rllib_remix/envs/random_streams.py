"""Counter-based random streams for compiled simulators: one 64-bit counter per copy, nothing else.

A stream is the sequence mix(key + i·φ) of the SplitMix64 generator (Steele, Lea and Flood 2014), so a copy's
draws depend on its own key and on how many it made, never on the other copies.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@kernel(inline="always")
def mix(z: np.uint64) -> np.uint64:
    """The 64 random bits that belong to one state of a stream."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel(inline="always")
def next_uint64(streams: np.ndarray, copy: int) -> np.uint64:
    """The next 64 random bits of the copy's stream; `streams` is [N] uint64 and moves on in place."""
    streams[copy] += GOLDEN
    return mix(streams[copy])


@kernel(inline="always")
def next_below(streams: np.ndarray, copy: int, bound: int) -> int:
    """A uniform integer in [0, bound), from the upper 32 bits (bias below bound / 2³²)."""
    return int(((next_uint64(streams, copy) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@kernel
def permute(streams: np.ndarray, copy: int, out: np.ndarray) -> None:
    """Writes a uniformly random order of 0 … len(out) - 1 into `out` (Fisher and Yates, inside out)."""
    for i in range(len(out)):
        other = next_below(streams, copy, i + 1)
        out[i] = out[other]
        out[other] = i


def new_streams(seed: int | None, num_envs: int) -> np.ndarray:
    """[N] uint64 stream keys; key i depends on `seed` and i alone. None takes the seed from the system."""
    entropy = np.random.SeedSequence(seed).entropy
    return np.array(
        [
            np.random.SeedSequence(entropy, spawn_key=(copy,)).generate_state(1, np.uint64)[0]
            for copy in range(num_envs)
        ],
        dtype=np.uint64,
    )
