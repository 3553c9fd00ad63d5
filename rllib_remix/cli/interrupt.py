"""Ctrl-C while Tune runs: trials end after their current iteration and save their last checkpoint."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Experiment


class GracefulStop(Stopper):
    """Stops every trial at its next result once Ctrl-C was pressed; a second Ctrl-C ends the command at once."""

    def __init__(self) -> None:
        self.requested = False
        self._running: set[str] = set()

    def __enter__(self) -> GracefulStop:
        self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether the trial that reported `result` stops (Tune then saves it as at any other end)."""
        return self.requested

    def stop_all(self) -> bool:
        """Whether no trial shall start any more; waits for running ones, which Tune would end without saving."""
        return self.requested and not self._running

    def tracker(self) -> Callback:
        """The Tune callback that tells this object which trials run."""
        return _RunningTrials(self._running)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


class StoppableExperiment(Experiment):
    """A Tune experiment that obeys a GracefulStop beside its own stop criteria."""

    def __init__(self, *args: Any, graceful_stop: GracefulStop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._graceful_stop = graceful_stop

    @property
    def stopper(self) -> Stopper:
        """What Tune asks after each result; the dict of stop criteria is checked apart from it."""
        return self._graceful_stop


class _RunningTrials(Callback):
    def __init__(self, running: set[str]) -> None:
        self._running = running

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.add(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)
