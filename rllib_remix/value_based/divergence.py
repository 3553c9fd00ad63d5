"""Values that diverge: noticed, and said once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from rllib_remix.team.settings.loop import copy_interval, copy_tau
from rllib_remix.value_based.learner import IMPOSSIBLE_SHARE

logger = logging.getLogger("ray.rllib")

# Of the steps of an update. Networks that have not learned anything yet can have some.
_LIMIT = 0.5
_IN_A_ROW = 3  # iterations; what a network begins with is gone by then


class Divergence:
    """Warns when most of Q_tot is beyond what any return can be, some iterations in a row.

    Args:
        config: the algorithm's settings, for the message.
    """

    def __init__(self, config: Any) -> None:
        self._config, self._was_said, self._in_a_row = config, False, 0

    def look(self, learner: Mapping[str, Any], reward_range: tuple[float, float]) -> None:
        """Takes what the learner logged in an iteration, and the range of rewards so far."""
        low, high = reward_range
        impossible = low < high and learner.get(IMPOSSIBLE_SHARE, 0.0) > _LIMIT
        self._in_a_row = self._in_a_row + 1 if impossible else 0
        if self._was_said or self._in_a_row < _IN_A_ROW:
            return
        self._was_said, config = True, self._config
        logger.warning(
            "The values diverge: Q_tot is %g on average, but with rewards of %g … %g, as the learner has them, and gamma %r no return is outside "
            "%g … %g. What comes of it is worth nothing. Settings that keep values together: td_trace 'watkins' (is "
            "%r) or a smaller td_lambda (%r), slower targets (target_network_update_interval "
            "%r, target_network_update_episodes %r, tau %r), limit_targets true (%r), a smaller lr (%r).",
            learner.get("q_tot_mean"),
            low,
            high,
            config.gamma,
            min(low, 0.0) / (1 - config.gamma),
            max(high, 0.0) / (1 - config.gamma),
            config.td_trace,
            config.td_lambda,
            copy_interval(config) if config.target_network_update_episodes is None else None,
            config.target_network_update_episodes,
            copy_tau(config),
            config.limit_targets,
            config.lr,
        )
