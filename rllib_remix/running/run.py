"""Runs checked experiments through Ray Tune and says what came of them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rllib_remix.errors import UserError
from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.experiments.plan import Plan, check_is_the_same, only_one
from rllib_remix.experiments.search.schedulers import build_scheduler
from rllib_remix.experiments.search.searchers import Search, build_searcher, seed_schedulers
from rllib_remix.running.best_trial import best_trial, is_search
from rllib_remix.running.cluster import Cluster, connected
from rllib_remix.terminal.errors import print_error

if TYPE_CHECKING:
    from ray.tune import Callback
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


@dataclass
class Outcomes:
    """How a run ended."""

    trials: list[Outcome]
    stopped_by: str = ""  # "Ctrl-C", "SIGTERM" or "SIGHUP", if it was one of them
    nothing_to_do: bool = False  # resumed, and all trials had reached their end
    run: str | None = None  # local folder that `rllib resume` takes, if there is one
    best: list[str] = field(default_factory=list)  # of each search, a line about its best trial


def run_experiments(
    experiments: Sequence[Experiment],
    *,
    cluster: Cluster,
    max_concurrent: int | None = None,
    loggers: Loggers | None = None,
    verbosity: int = 0,
    resume: bool = False,
    begun: Plan | None = None,
) -> Outcomes:
    """Trains all experiments, as many trials in parallel as there are CPUs for, and waits for their end.

    Args:
        experiments: checked with `check_experiment`.
        cluster: where to run. A Ray that this function starts, it also shuts down.
        max_concurrent: trials at a time; None is no limit, or that of the experiment's search.
        loggers: where results go beside Tune's files.
        verbosity: 0 hides Ray's messages, 1 shows them.
        resume: go on with what an earlier run of the same experiments left behind.
        begun: the plan of the run that goes on, of which the facts about its code are kept.
    """
    # Tune's own banner and tables would come between the lines of the live table.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # Without a finished episode there is no return to compare yet; that must not end the search.
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"
    from rllib_remix.running.interrupt import GracefulStop, ctrl_c_requests

    graceful_stop = GracefulStop()
    outcomes = Outcomes([], nothing_to_do=resume)
    plan = Plan(experiments, max_concurrent, loggers or Loggers())
    if resume:
        there = _check_can_go_on(plan)
        begun = begun or there
    else:
        _say_what_is_left_behind(plan)
    if begun is not None:
        _go_on_with_code_of(begun, plan)
    with (
        only_one(plan, alone=resume),
        connected(cluster, verbosity, lambda gone: _say_ray_is_lost(gone, plan)),
        ctrl_c_requests(graceful_stop),
    ):
        plan.write()
        if not resume:
            for group in runs(experiments):
                _note_beginning(group[0])
        for group in runs(experiments):
            if not graceful_stop.requested:
                _run_together(group, outcomes, graceful_stop, plan, resume)
    outcomes.stopped_by = graceful_stop.by
    outcomes.nothing_to_do = outcomes.nothing_to_do and not graceful_stop.requested
    if plan.folders() and not any(each.scheduler.type == "hyperband" for each in experiments):
        outcomes.run = str(plan.folders()[0])
    return outcomes


def runs(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    """Which experiments are trained at once.

    Tune has one scheduler and one search algorithm in a run, which would compare trials of different experiments:
    an experiment with either of its own is a run of its own, after all others.
    """
    together = [each for each in experiments if each.scheduler.is_fifo and each.search == Search()]
    alone = [[each] for each in experiments if each not in together]
    return [*([together] if together else []), *alone]


def _run_together(
    experiments: Sequence[Experiment],
    outcomes: Outcomes,
    graceful_stop: Any,
    plan: Plan,
    resume: bool,
) -> None:
    """One run of Tune; what came of it is added to `outcomes`."""
    from ray import tune

    from rllib_remix.running.driver_memory import NotesForgotten, done_tasks_forgotten
    from rllib_remix.running.interrupt import StopOnRequest, pausing
    from rllib_remix.running.last_save import PatientLastSaves
    from rllib_remix.running.nonfinite import NonFiniteFailures
    from rllib_remix.running.progress import ProgressCallback
    from rllib_remix.running.result_logs import ResultLogs, TableLogger
    from rllib_remix.running.resuming import CannotGoOn
    from rllib_remix.running.storage_warnings import StorageWarnings

    first = experiments[0]
    search = first.search
    if plan.max_concurrent is not None:
        search = replace(search, max_concurrent=plan.max_concurrent)
    seed_schedulers(search.seed)
    specs: Any = [_tune_experiment(experiment) for experiment in experiments]
    logs = ResultLogs()
    loggers = plan.loggers.callbacks(first.name)
    progress = ProgressCallback(_title(experiments))
    scheduler = build_scheduler("scheduler", first.scheduler, first.stop, first.metric, search.mode)
    with progress, done_tasks_forgotten():
        graceful_stop.say = progress.say
        resume_config, checks = None, []
        if resume:
            resume_config, checks = _what_to_resume(first, progress.say)
        try:
            analysis = tune.run(
                specs,
                verbose=0,
                scheduler=pausing(scheduler, graceful_stop),
                search_alg=build_searcher(search, first.config, first.metric),
                callbacks=[
                    progress,
                    logs,
                    StorageWarnings(logs, progress.say),
                    NonFiniteFailures(progress.say),
                    TableLogger(),
                    NotesForgotten(),
                    PatientLastSaves(lambda: graceful_stop.requested),
                    StopOnRequest(graceful_stop, loggers),
                    *checks,
                    *loggers,
                ],
                resume_config=resume_config,
                reuse_actors=all(map(_can_be_reset, experiments)),
                raise_on_failed_trial=False,
            )
        except CannotGoOn as error:
            raise _damaged(first, error) from error
        finally:
            graceful_stop.say = print
    outcomes.nothing_to_do = outcomes.nothing_to_do and not progress.trials
    trials = [trial for trial in analysis.trials or [] if _has_begun(trial)]
    outcomes.trials += [_outcome(trial) for trial in trials]
    for experiment in experiments:
        if is_search(experiment):
            own = [trial for trial in trials if Path(str(trial.path)).parent.name == experiment.name]
            outcomes.best.append(best_trial(experiment, own))


def _note_beginning(experiment: Experiment) -> None:
    from rllib_remix.running.records import note_beginning

    try:
        note_beginning(experiment.storage_path, experiment.name)
    except (OSError, ValueError) as error:  # PyArrow's errors about addresses are ValueErrors.
        raise UserError(f"--storage-path: cannot write to {experiment.storage_path!r}: {error}.") from None


def _go_on_with_code_of(begun: Plan, plan: Plan) -> None:
    """Keeps what is known of the code of a run that goes on, and says what changed of it."""
    from rllib_remix.experiments.run_code import changed_files, with_new_code

    plan.code, plan.modules = begun.code, begun.modules
    changed = changed_files(plan.code or {})
    if changed:
        typer.echo(
            f"Note: {', '.join(changed)} changed since the run began. The run goes on with the code of its beginning, even "
            f"where a traceback shows the new text. {with_new_code(changed, plan.folders()[0])}",
            err=True,
        )


def _check_can_go_on(plan: Plan) -> Plan | None:
    from rllib_remix.running.record_check import check_record

    begun = check_is_the_same(plan)
    for experiment in plan.experiments:
        if "://" not in experiment.storage_path:
            try:
                check_record(experiment.storage_path, experiment.name)
            except (OSError, ValueError) as error:
                raise _damaged(experiment, error) from error
        if experiment.scheduler.type == "hyperband":
            raise UserError(
                f"experiment {experiment.name!r}: a hyperband search cannot go on, since Tune does not keep its brackets; "
                "begin it anew, or go on with single trials: --restore CHECKPOINT."
            )
    return begun


def _say_what_is_left_behind(plan: Plan) -> None:
    from rllib_remix.running.resuming import has_unfinished

    for folder in filter(has_unfinished, plan.folders()):
        typer.echo(
            f"Note: an earlier run in {folder} has not reached its end (`rllib resume` would go on with it). From now on "
            "`rllib resume` knows the new run only; give another --experiment-name to keep both.",
            err=True,
        )


def _say_ray_is_lost(gone: str, plan: Plan) -> None:
    from rich.console import Console

    Console().show_cursor(True)  # which the live table hides
    folders = plan.folders()
    go_on = f"`rllib resume {shlex.quote(str(folders[0]))}`" if folders else "the same command and --resume"
    print_error(f"Ray is lost: {gone}. Go on with {go_on}.")


def _can_be_reset(experiment: Experiment) -> bool:
    """Whether one process can train a trial after another: only where an algorithm's class has a `reset_config`."""
    from ray.rllib.algorithms.algorithm import Algorithm

    _, algorithm_class, _ = find_algorithm(experiment.run)
    return algorithm_class.reset_config is not Algorithm.reset_config


def _what_to_resume(experiment: Experiment, say: Callable[[str], None]) -> tuple[Any, list[Callback]]:
    """What Tune is to go on with, None if there is nothing yet, and what sees to it that it does."""
    from rllib_remix.running.records import find_record
    from rllib_remix.running.resuming import HasGoneOn, what_to_resume

    storage_path, name = experiment.storage_path, experiment.name
    try:
        resume = what_to_resume(storage_path, name, lambda text: say(f"Warning: {text}"))
        record = find_record(storage_path, name)
        if resume is None or record is None or "://" in storage_path:
            return resume, []
        return resume, [HasGoneOn(Path(record))]
    except (OSError, ValueError) as error:
        raise _damaged(experiment, error) from error


def _damaged(experiment: Experiment, error: Exception) -> UserError:
    return UserError(
        f"experiment {experiment.name!r}: Tune's record of it is damaged ({error}). Its checkpoints may be whole: go on "
        "with one of them by --restore CHECKPOINT."
    )


def _tune_experiment(experiment: Experiment) -> Any:
    from ray.tune import CheckpointConfig

    from rllib_remix.running.interrupt import DurableExperiment

    checkpoints = experiment.checkpoints
    return DurableExperiment(
        experiment.name,
        experiment.run,
        stop=experiment.stop,
        config=experiment.config,
        num_samples=experiment.num_samples,
        storage_path=experiment.storage_path,
        checkpoint_config=CheckpointConfig(
            checkpoint_frequency=checkpoints.frequency,
            checkpoint_at_end=checkpoints.at_end,
            num_to_keep=checkpoints.num_to_keep,
            checkpoint_score_attribute=checkpoints.score_attribute,
            checkpoint_score_order=checkpoints.score_order,
        ),
        max_failures=experiment.max_failures,
        restore=str(experiment.restore) if experiment.restore else None,
    )


def _title(experiments: Sequence[Experiment]) -> str:
    if len(experiments) > 1:
        return f"{len(experiments)} experiments in {Path(experiments[0].storage_path)}"
    experiment = experiments[0]
    return f"{experiment.name}: {experiment.config.get('env')}"


def _has_begun(trial: Trial) -> bool:
    return trial.status == "ERROR" or "training_iteration" in (trial.last_result or {})


def _outcome(trial: Trial) -> Outcome:
    folder = str(trial.path)
    checkpoint = trial.checkpoint
    failed = trial.status == "ERROR"
    return Outcome(
        name=str(trial),
        folder=folder,
        checkpoint=checkpoint.path if checkpoint else None,
        error=cause_of(str(trial.get_error() or "unknown cause")) if failed else None,
        error_file=str(Path(folder) / "error.txt") if failed else None,
        lost=None if failed else _lost(trial),
    )


def _lost(trial: Trial) -> str | None:
    """How far a trial's newest checkpoint is behind its end, if that should have been saved and could not be."""
    from rllib_remix.running.last_save import lag_of
    from rllib_remix.running.storage_warnings import why_not_writable

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


def cause_of(error_text: str) -> str:
    """The one line of a trial's error file that says what went wrong.

    That is the first exception that was raised: later ones, and Ray's own, only follow from it.
    """
    lines = [line.strip() for line in error_text.splitlines() if line.strip()]
    raised = [line for line in lines if EXCEPTION_LINE.match(line) and not line.startswith("ray.exceptions.")]
    return [*raised[:1], *reversed(lines), "unknown cause"][0]
