"""Ctrl-C while Tune runs: trials end after their current iteration and save their last checkpoint.

SIGTERM does the same: it is what `ray job stop`, Slurm and Kubernetes send before they kill.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ray.tune import Callback, CheckpointConfig, Stopper
from ray.tune.experiment import Experiment

from rllib_remix.tuning.storage import DurableStorage

BY = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
STOPPING = "Stopping after the current iteration; {again} stops at once, without saving."


class GracefulStop(Stopper):
    """Stops every trial at its next result once `requested` is set.

    Tune pickles it with the experiment's state, and goes by what it unpickles when a run is resumed: that is the one
    that Ctrl-C reaches then.

    Attributes:
        requested: whether trials shall stop.
        by: "Ctrl-C" or "SIGTERM", once it was requested by one of them.
        stopped: ids of the trials that did.
        say: shows a line.
    """

    def __init__(self) -> None:
        self.requested = False
        self.by = ""
        self.say: Callable[[str], object] = print
        self.stopped: set[str] = set()
        self._running: set[str] = set()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether the trial that reported `result` stops (Tune then saves it as at any other end)."""
        if self.requested and not result.get("done"):
            self.stopped.add(trial_id)
        return self.requested

    def stop_all(self) -> bool:
        """Whether no trial shall start any more; waits for running ones, which Tune would end without saving."""
        return self.requested and not self._running

    def __reduce__(self) -> tuple[Callable[[], GracefulStop], tuple[()]]:
        return _that_of_this_process, ()

    def tracker(self) -> Callback:
        """The Tune callback that tells this object which trials run."""
        return _RunningTrials(self._running)


_reached_by_ctrl_c: list[GracefulStop] = []


def _that_of_this_process() -> GracefulStop:
    return _reached_by_ctrl_c[-1] if _reached_by_ctrl_c else GracefulStop()


@contextmanager
def ctrl_c_requests(graceful_stop: GracefulStop) -> Iterator[None]:
    """While the block runs, the first Ctrl-C or SIGTERM requests a graceful stop; the second raises KeyboardInterrupt."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        if graceful_stop.requested:
            raise KeyboardInterrupt
        graceful_stop.requested = True
        graceful_stop.by = BY[signal.Signals(number)]
        graceful_stop.say(STOPPING.format(again=f"{graceful_stop.by} again"))

    previous = {number: signal.signal(number, on_signal) for number in BY}
    _reached_by_ctrl_c.append(graceful_stop)
    try:
        yield
    finally:
        _reached_by_ctrl_c.remove(graceful_stop)
        for number, handler in previous.items():
            signal.signal(number, handler)


class StoppableExperiment(Experiment):
    """A Tune experiment that obeys a GracefulStop beside its own stop criteria, with durable storage."""

    _storage_context_cls = DurableStorage

    def __init__(self, *args: Any, graceful_stop: GracefulStop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._graceful_stop = graceful_stop

    @property
    def checkpoint_config(self) -> CheckpointConfig:
        """What Tune's controller goes by, which saves its own state after every `num_to_keep` checkpoints: each one.

        Trials take theirs from `spec`.
        """
        return CheckpointConfig(num_to_keep=1)

    @property
    def stopper(self) -> Stopper:
        """What Tune asks after each result; the dict of stop criteria is checked apart from it."""
        return self._graceful_stop


class _RunningTrials(Callback):
    def __init__(self, running: set[str]) -> None:
        self._running = running

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.add(trial.trial_id)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._running.difference_update(trial.trial_id for trial in trials if trial.status == "PAUSED")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)
