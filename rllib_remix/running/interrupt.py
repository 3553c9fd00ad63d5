"""Ctrl-C while Tune runs: running trials end their iteration, save, and go on when the run is resumed.

SIGTERM does the same: it is what `ray job stop`, Slurm and Kubernetes send before they kill. So does SIGHUP, which a
process gets when its terminal is lost, unless it is ignored (`nohup`).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from ray.tune import Callback, CheckpointConfig
from ray.tune.experiment import Experiment, Trial
from ray.tune.logger import LoggerCallback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.stopper import NoopStopper

from rllib_remix.checkpoints.storage import DurableStorage

BY = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
STOPPING = "Stopping after the current iteration{again}."
AGAIN = "; {by} again stops at once, without saving"


class GracefulStop:
    """The wish to stop, which a signal brings.

    Attributes:
        requested: whether trials shall stop.
        by: "Ctrl-C", "SIGTERM" or "SIGHUP", once it was requested by one of them.
        say: shows a line.
    """

    def __init__(self) -> None:
        self.requested = False
        self.by = ""
        self.say: Callable[[str], object] = print


@contextmanager
def ctrl_c_requests(graceful_stop: GracefulStop) -> Iterator[None]:
    """While the block runs, the first Ctrl-C, SIGTERM or SIGHUP requests a graceful stop.

    The same one again raises KeyboardInterrupt, but for SIGHUP: a lost terminal and its shell may both send it, and
    some systems send it right after SIGTERM.
    """
    received = set()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if number in received and number != signal.SIGHUP:
            raise KeyboardInterrupt
        received.add(number)
        if graceful_stop.requested:
            return
        graceful_stop.requested = True
        graceful_stop.by = BY[signal.Signals(number)]
        again = "" if number == signal.SIGHUP else AGAIN.format(by=graceful_stop.by)
        with suppress(RuntimeError):  # A line that was just being written cannot be interrupted by another.
            graceful_stop.say(STOPPING.format(again=again))

    obeyed = [number for number in BY if number != signal.SIGHUP or not is_ignored(number)]
    # Tune changes the last one.
    previous = {number: signal.getsignal(number) for number in (*obeyed, signal.SIGUSR1)}
    for number in obeyed:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def is_ignored(number: int) -> bool:
    """Whether this process ignores a signal, as what `nohup` starts does with SIGHUP."""
    return signal.getsignal(number) is signal.SIG_IGN


class StopOnRequest(Callback):
    """A Tune callback that ends the run as soon as no trial runs any more that did when the stop was requested.

    Tune is told to end as by a signal of its own, SIGUSR1: its record then says of every trial whether it waits, is
    paused or runs, and all of these go on when the run is resumed. (A `Stopper` would have them all count as finished.)

    Args:
        graceful_stop: says when.
        loggers: those that have to be told that a trial ends.
    """

    def __init__(self, graceful_stop: GracefulStop, loggers: Iterable[LoggerCallback] = ()) -> None:
        self._graceful_stop = graceful_stop
        self._loggers = list(loggers)
        self._begun: dict[str, Trial] = {}  # trial id → trial that the loggers know of
        self._waited_for: set[str] | None = None  # trial ids, once the stop is requested

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Tune's hook."""
        self._begun[trial.trial_id] = trial

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Tune's hook."""
        self._begun.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Tune's hook."""
        self._begun.pop(trial.trial_id, None)

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Tune's hook: looks whether the run can end. Trials that start meanwhile have nothing to lose."""
        if not self._graceful_stop.requested:
            return
        running = {trial.trial_id for trial in trials if trial.status == Trial.RUNNING}
        self._waited_for = running if self._waited_for is None else self._waited_for & running
        if self._waited_for:
            return
        for trial in self._begun.values():
            for each in self._loggers:
                each.log_trial_end(trial)
        self._begun.clear()
        signal.raise_signal(signal.SIGUSR1)


def pausing(scheduler: TrialScheduler | None, graceful_stop: GracefulStop) -> TrialScheduler:
    """The scheduler (by default first in, first out); once a stop is requested it pauses every trial, which saves it.

    A trial that has reached its own stop, or that the scheduler ends, ends all the same.
    """
    obeying: Any = scheduler or FIFOScheduler()
    decide, choose = obeying.on_trial_result, obeying.choose_trial_to_run

    def on_trial_result(controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        decision = decide(controller, trial, result)
        goes_on = decision == TrialScheduler.CONTINUE
        return TrialScheduler.PAUSE if graceful_stop.requested and goes_on else decision

    def choose_trial_to_run(controller: Any) -> Trial | None:
        return None if graceful_stop.requested else choose(controller)

    obeying.on_trial_result, obeying.choose_trial_to_run = on_trial_result, choose_trial_to_run
    return obeying


class DurableExperiment(Experiment):
    """A Tune experiment with durable storage."""

    _storage_context_cls = DurableStorage

    @property
    def checkpoint_config(self) -> CheckpointConfig:
        """What Tune's controller goes by, which saves its own state after every `num_to_keep` checkpoints: each one.

        Trials take theirs from `spec`.
        """
        return CheckpointConfig(num_to_keep=1)


def _that_of_this_process() -> NoopStopper:
    """What the records of earlier versions call as they are unpickled; their stopper was pickled with the run."""
    return NoopStopper()
