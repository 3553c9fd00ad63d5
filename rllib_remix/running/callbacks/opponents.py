"""Tells of teams whose agents play against each other, from whose rewards nothing is learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS
from ray.tune import Callback

from rllib_remix.envs.foreign.options import REWARDS_CANCEL, rewards_cancel


class OpponentsInATeam(Callback):
    """A Tune callback that warns at a trial's first result in which agents' returns are not 0, but their sum is.

    Env runners log the same; what they log is not on the screen.

    Args:
        say: shows a line.
    """

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._told: set[str] = set()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Tune's hook: a result is there."""
        played = result.get(ENV_RUNNER_RESULTS, {})
        received = played.get("agent_episode_returns_mean") or {}
        most = max(map(abs, received.values()), default=0.0)
        is_zero = abs(played.get("episode_return_mean", 1.0)) <= 1e-6 * most
        if is_zero and rewards_cancel(list(received.values())) and trial.trial_id not in self._told:
            self._told.add(trial.trial_id)
            self._say(f"Warning: {trial}: the rewards of the agents {REWARDS_CANCEL}")
