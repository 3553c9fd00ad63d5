"""The compiled kernels of the recurrent networks, loaded with numba when the first is asked for.

A process that only describes networks, as the one that drives Tune, never loads them.
"""

from __future__ import annotations

from typing import Any


def step_kernels(hidden_dim: int) -> Any:
    """As `gru.step_kernels`."""
    from rllib_remix.models.kernels import gru

    return gru.step_kernels(hidden_dim)


def group_step_kernels(hidden_dim: int) -> Any:
    """As `gru.group_step_kernels`."""
    from rllib_remix.models.kernels import gru

    return gru.group_step_kernels(hidden_dim)
