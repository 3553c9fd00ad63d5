"""Runs checked experiments through Ray Tune and says what came of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rllib_remix.cli.best_trial import best_trial, is_search
from rllib_remix.cli.errors import UserError
from rllib_remix.cli.experiments import Experiment, find_algorithm
from rllib_remix.cli.loggers import Loggers
from rllib_remix.cli.plan import Plan, check_is_the_same, only_one
from rllib_remix.cli.ray_options import Cluster, connected
from rllib_remix.cli.schedulers import build_scheduler
from rllib_remix.cli.searching import Search, build_searcher, seed_schedulers

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


@dataclass
class Outcomes:
    """How a run ended."""

    trials: list[Outcome]
    stopped_by: str = ""  # "Ctrl-C" or "SIGTERM", if it was one of them
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
    from rllib_remix.cli.interrupt import GracefulStop, ctrl_c_requests

    graceful_stop = GracefulStop()
    outcomes = Outcomes([])
    plan = Plan(experiments, max_concurrent, loggers or Loggers())
    if begun is not None:
        plan.code, plan.modules = begun.code, begun.modules
    if resume:
        _check_can_go_on(plan)
    else:
        _say_what_is_left_behind(plan)
    with only_one(plan, alone=resume), connected(cluster, verbosity), ctrl_c_requests(graceful_stop):
        plan.write()
        for group in runs(experiments):
            if not graceful_stop.requested:
                _run_together(group, outcomes, graceful_stop, plan, resume)
    outcomes.stopped_by = graceful_stop.by
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

    from rllib_remix.cli.progress import ProgressCallback
    from rllib_remix.cli.storage_warnings import StorageWarnings
    from rllib_remix.tuning.driver_memory import NotesForgotten, done_tasks_forgotten
    from rllib_remix.tuning.last_save import PatientLastSaves
    from rllib_remix.tuning.result_logs import ResultLogs, TableLogger

    first = experiments[0]
    search = first.search
    if plan.max_concurrent is not None:
        search = replace(search, max_concurrent=plan.max_concurrent)
    seed_schedulers(search.seed)
    specs: Any = [_tune_experiment(experiment, graceful_stop) for experiment in experiments]
    logs = ResultLogs()
    if not resume:
        _note_beginning(first)
    progress = ProgressCallback(_title(experiments))
    with progress, done_tasks_forgotten():
        graceful_stop.say = progress.say
        try:
            analysis = tune.run(
                specs,
                verbose=0,
                scheduler=build_scheduler(
                    "scheduler", first.scheduler, first.stop, first.metric, search.mode
                ),
                search_alg=build_searcher(search, first.config, first.metric),
                callbacks=[
                    progress,
                    graceful_stop.tracker(),
                    logs,
                    StorageWarnings(logs, progress.say),
                    TableLogger(),
                    NotesForgotten(),
                    PatientLastSaves(),
                    *plan.loggers.callbacks(first.name),
                ],
                resume_config=_what_to_resume(first, progress.say) if resume else None,
                reuse_actors=all(map(_can_be_reset, experiments)),
                raise_on_failed_trial=False,
            )
        finally:
            graceful_stop.say = print
            _mark_unfinished(first, graceful_stop.stopped, progress.say)
    trials = [trial for trial in analysis.trials or [] if _has_begun(trial)]
    outcomes.trials += [_outcome(trial) for trial in trials]
    for experiment in experiments:
        if is_search(experiment):
            own = [trial for trial in trials if Path(str(trial.path)).parent.name == experiment.name]
            outcomes.best.append(best_trial(experiment, own))


def _note_beginning(experiment: Experiment) -> None:
    from rllib_remix.tuning.records import note_beginning

    try:
        note_beginning(experiment.storage_path, experiment.name)
    except (OSError, ValueError) as error:  # PyArrow's errors about addresses are ValueErrors.
        raise UserError(f"--storage-path: cannot write to {experiment.storage_path!r}: {error}.") from None


def _check_can_go_on(plan: Plan) -> None:
    check_is_the_same(plan)
    for experiment in plan.experiments:
        if experiment.scheduler.type == "hyperband":
            raise UserError(
                f"experiment {experiment.name!r}: a hyperband search cannot go on, since Tune does not keep its brackets; "
                "begin it anew, or go on with single trials: --restore CHECKPOINT."
            )


def _say_what_is_left_behind(plan: Plan) -> None:
    from rllib_remix.tuning.resuming import has_unfinished

    for folder in filter(has_unfinished, plan.folders()):
        typer.echo(
            f"Note: an earlier run in {folder} has not reached its end (`rllib resume` would go on with it). From now on "
            "`rllib resume` knows the new run only; give another --experiment-name to keep both.",
            err=True,
        )


def _can_be_reset(experiment: Experiment) -> bool:
    """Whether one process can train a trial after another: only where an algorithm's class has a `reset_config`."""
    from ray.rllib.algorithms.algorithm import Algorithm

    _, algorithm_class, _ = find_algorithm(experiment.run)
    return algorithm_class.reset_config is not Algorithm.reset_config


def _what_to_resume(experiment: Experiment, say: Callable[[str], None]) -> Any:
    from rllib_remix.tuning.resuming import what_to_resume

    try:
        return what_to_resume(experiment.storage_path, experiment.name, lambda text: say(f"Warning: {text}"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"experiment {experiment.name!r}: Tune's record of it is damaged ({error})."
        ) from error


def _mark_unfinished(experiment: Experiment, trial_ids: set[str], say: Callable[[str], None]) -> None:
    """Tune counts trials that were stopped on request among the finished ones, which are not resumed."""
    if not trial_ids:
        return
    from rllib_remix.tuning.resuming import mark_unfinished

    try:
        mark_unfinished(experiment.storage_path, experiment.name, trial_ids)
    except (OSError, ValueError) as error:
        say(f"Warning: Tune's record could not be written ({error}); `rllib resume` may do nothing.")


def _tune_experiment(experiment: Experiment, graceful_stop: Any) -> Any:
    from ray.tune import CheckpointConfig

    from rllib_remix.cli.interrupt import StoppableExperiment

    checkpoints = experiment.checkpoints
    return StoppableExperiment(
        experiment.name,
        experiment.run,
        graceful_stop=graceful_stop,
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
    from rllib_remix.cli.storage_warnings import why_not_writable
    from rllib_remix.tuning.last_save import lag_of

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
