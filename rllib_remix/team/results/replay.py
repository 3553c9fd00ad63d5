"""What results say of the replay buffer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.prioritized import PrioritizedMultiAgentReplayBuffer
from rllib_remix.replay.sharded import ShardedReplayBuffer


def replay_results(
    buffer: MultiAgentReplayBuffer | ShardedReplayBuffer, *, mib_when_full: float, beta: float | None
) -> dict[str, Any]:
    """How full it is, what was lost with shards, and, where it draws by priority, the priorities.

    Args:
        buffer: it.
        mib_when_full: its size.
        beta: of the importance correction now; None if it does not draw by priority.
    """
    results = {"num_episodes": len(buffer), "mib_when_full": mib_when_full}
    if isinstance(buffer, ShardedReplayBuffer):
        results["shards_lost"] = buffer.shards_lost
        results["episodes_lost"] = buffer.episodes_lost
    if beta is not None:
        assert isinstance(buffer, PrioritizedMultiAgentReplayBuffer | ShardedReplayBuffer)
        stored = buffer.priorities if len(buffer) else np.array([math.nan])
        results |= {
            "priority_mean": stored.mean(),
            "priority_min": stored.min(),
            "priority_max": stored.max(),
            "beta": beta,
        }
    return results
