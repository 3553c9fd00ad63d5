"""How far one trial is, worked out from the results that it reported."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rllib_remix.experiments.result_keys import ENV_STEPS, GREEDY_RETURN, TRAINING_RETURN, number_at

EPSILON = "env_runners/epsilon"
MEAN_WEIGHT = "learners/default_policy/weight_mean"
# Stop criteria that only ever grow, so that the time to reach them can be told.
COUNTERS = (ENV_STEPS, "training_iteration", "time_total_s", "iterations_since_restore", "time_since_restore")
RATE_WINDOW_S = 60.0  # seconds over which rates are averaged


@dataclass
class TrialProgress:
    """One trial's numbers for the screen; None where nothing was reported yet."""

    name: str  # of its algorithm, or of its experiment
    stop: Mapping[str, float] = field(default_factory=dict)
    state: str = "starting"  # starting, running, stopped, done or failed
    number: int = 1  # among those of its name
    varied: str = ""  # its settings that others have otherwise
    env_steps: float | None = None
    training_return: float | None = None
    greedy_return: float | None = None
    epsilon: float | None = None
    mean_weight: float | None = None
    steps_per_second: float | None = None
    seconds_left: float | None = None
    time_total_s: float | None = None
    _history: deque[tuple[float, dict[str, float]]] = field(default_factory=deque, repr=False)

    @property
    def label(self) -> str:
        """What tells it apart, on one line."""
        return f"{self.name} #{self.number} {self.varied}".strip()

    @property
    def rank(self) -> tuple[float, float]:
        """By which the one that plays best is the greatest: the greedy return, or else that of training."""
        return rank(self.greedy_return, self.training_return)

    @property
    def env_steps_goal(self) -> float | None:
        """Environment steps at which the trial stops, if that is a stop criterion."""
        return self.stop.get(ENV_STEPS)

    def update(self, result: Mapping[str, Any], now: float) -> None:
        """Takes in a result of the trial.

        Args:
            result: nested, as Tune reports it.
            now: seconds on any clock that does not go back.
        """
        self.state = "running"
        self.env_steps = _read(result, ENV_STEPS, self.env_steps)
        self.training_return = _read(result, TRAINING_RETURN, self.training_return)
        self.greedy_return = _read(result, GREEDY_RETURN, self.greedy_return)
        self.epsilon = _read(result, EPSILON, self.epsilon)
        self.mean_weight = _read(result, MEAN_WEIGHT, self.mean_weight)
        self.time_total_s = _read(result, "time_total_s", self.time_total_s)
        counters = {key: value for key in COUNTERS if (value := _read(result, key)) is not None}
        if self._history and self._went_back(counters):
            self._history.clear()  # it goes on from the checkpoint of another trial
        if not self._history:
            self._history.append(
                (now - counters.get("time_since_restore", math.inf), self._before_first(counters))
            )
        self._history.append((now, counters))
        while len(self._history) > 2 and now - self._history[1][0] > RATE_WINDOW_S:
            self._history.popleft()
        self.steps_per_second = self._rate(ENV_STEPS)
        self.seconds_left = self._seconds_left()

    def _went_back(self, counters: Mapping[str, float]) -> bool:
        return any(value < self._history[-1][1].get(key, value) for key, value in counters.items())

    def _before_first(self, counters: Mapping[str, float]) -> dict[str, float]:
        """Where the counters stood when the trial began; a restored one did not begin at 0, so that is unknown."""
        restored = counters.get("training_iteration") != counters.get("iterations_since_restore")
        return {} if restored else dict.fromkeys(counters, 0.0)

    def _rate(self, key: str) -> float | None:
        known = [(time, counters[key]) for time, counters in self._history if key in counters]
        if len(known) < 2:
            return None
        (start, first), (end, last) = known[0], known[-1]
        return (last - first) / (end - start) if end > start and math.isfinite(start) else None

    def _seconds_left(self) -> float | None:
        estimates = []
        for key in COUNTERS:
            rate = self._rate(key)
            if key in self.stop and rate:
                estimates.append(max(0.0, (self.stop[key] - self._history[-1][1][key]) / rate))
        return min(estimates, default=None)


def rank(greedy: float | None, training: float | None) -> tuple[float, float]:
    """How well a trial plays, to be compared: any greedy return is above none."""
    return (-math.inf if greedy is None else greedy, -math.inf if training is None else training)


def _read(result: Mapping[str, Any], path: str, missing: float | None = None) -> float | None:
    """The finite number at a slash-separated path, or `missing`."""
    value = number_at(result, path)
    return missing if value is None else value
