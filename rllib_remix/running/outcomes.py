"""What came of a run and of each of its trials."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rllib_remix.experiments.result_keys import ENV_STEPS, GREEDY_RETURN, TRAINING_RETURN, number_at

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

EXCEPTION_LINE = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit): ")  # as a traceback ends


@dataclass
class Outcome:
    """How one trial ended."""

    name: str
    folder: str
    checkpoint: str | None  # the newest, if it was saved
    error: str | None = None  # the last line of its cause
    error_file: str | None = None
    lost: str | None = None  # of its end, what could not be saved
    label: str = ""  # as the live table called it; empty if it had ended before this run went on
    is_best: bool = False  # of its search
    env_steps: float | None = None  # of its last result, as are the returns
    training_return: float | None = None
    greedy_return: float | None = None


@dataclass
class Outcomes:
    """How a run ended."""

    trials: list[Outcome]
    stopped_by: str = ""  # "Ctrl-C", "SIGTERM" or "SIGHUP", if it was one of them
    nothing_to_do: bool = False  # resumed, and all trials had reached their end
    run: str | None = None  # local folder that `rllib resume` takes, if there is one
    best: list[str] = field(default_factory=list)  # of each search, a line about its best trial


def has_begun(trial: Trial) -> bool:
    """Whether a trial got as far as a result, or failed."""
    return trial.status == "ERROR" or "training_iteration" in (trial.last_result or {})


def outcomes_of(
    trials: Iterable[Trial], labels: Mapping[str, str], best: Collection[Trial] = ()
) -> list[Outcome]:
    """How Tune's trials ended.

    Args:
        trials: of a run.
        labels: trial id → what the live table called it.
        best: those that are the best of their searches.
    """
    return [
        replace(_outcome(trial), label=labels.get(trial.trial_id, ""), is_best=trial in best)
        for trial in trials
    ]


def cause_of(error_text: str) -> str:
    """The one line of a trial's error file that says what went wrong.

    That is the first exception that was raised: later ones, and Ray's own, only follow from it.
    """
    lines = [line.strip() for line in error_text.splitlines() if line.strip()]
    raised = [line for line in lines if EXCEPTION_LINE.match(line) and not line.startswith("ray.exceptions.")]
    return [*raised[:1], *reversed(lines), "unknown cause"][0]


def _outcome(trial: Trial) -> Outcome:
    folder = str(trial.path)
    checkpoint = trial.checkpoint
    failed = trial.status == "ERROR"
    result = trial.last_result or {}
    return Outcome(
        name=str(trial),
        folder=folder,
        checkpoint=checkpoint.path if checkpoint else None,
        error=cause_of(str(trial.get_error() or "unknown cause")) if failed else None,
        error_file=str(Path(folder) / "error.txt") if failed else None,
        lost=None if failed else _lost(trial),
        env_steps=number_at(result, ENV_STEPS),
        training_return=number_at(result, TRAINING_RETURN),
        greedy_return=number_at(result, GREEDY_RETURN),
    )


def _lost(trial: Trial) -> str | None:
    """How far a trial's newest checkpoint is behind its end, if that should have been saved and could not be."""
    from rllib_remix.running.callbacks.last_save import lag_of
    from rllib_remix.running.callbacks.storage_warnings import why_not_writable

    lag = lag_of(trial)
    if lag is None:
        return None
    newest = f"the newest is of iteration {lag.saved:,}" if lag.saved else "there is none"
    steps = "" if lag.env_steps is None else f" and {lag.env_steps:,} env steps"
    behind = "iteration" if lag.iterations == 1 else "iterations"
    return (
        f"its last checkpoint could not be written ({why_not_writable(Path(str(trial.path)))}); {newest}, {lag.iterations:,} "
        f"{behind}{steps} before its end. Once that is mended, go on from there"
    )
