"""Runs checked experiments through Ray Tune and says what came of them."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.experiments.plan import Plan, only_one
from rllib_remix.experiments.search.schedulers import build_scheduler
from rllib_remix.experiments.search.searchers import Search, build_searcher, seed_schedulers
from rllib_remix.running.best_trial import best_trial, is_search
from rllib_remix.running.cluster import Cluster, connected
from rllib_remix.running.outcomes import Outcomes, has_begun, outcomes_of
from rllib_remix.terminal.errors import print_error
from rllib_remix.terminal.lines import print_line, print_note

if TYPE_CHECKING:
    from ray.tune import Callback
    from ray.tune.experiment import Trial
    from ray.tune.logger import LoggerCallback

    from rllib_remix.running.callbacks.progress import ProgressCallback
    from rllib_remix.running.interrupt import GracefulStop


def run_experiments(
    experiments: Sequence[Experiment],
    *,
    cluster: Cluster,
    max_concurrent: int | None = None,
    loggers: Loggers | None = None,
    verbosity: int = 0,
    resume: bool = False,
    begun: Plan | None = None,
    say: Callable[[str], object] = print_line,
    warn: Callable[[str], object] = print_note,
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
        say: takes lines about the run.
        warn: takes notes about earlier runs and changed code.
    """
    _set_tune_up()
    from rllib_remix.running.callbacks.last_save import patience_s
    from rllib_remix.running.interrupt import GracefulStop, ctrl_c_requests
    from rllib_remix.running.record.going_on import note_beginning_of

    patience_s()  # is refused before anything starts
    graceful_stop = GracefulStop()
    plan = Plan(experiments, max_concurrent, loggers or Loggers())
    _look_at_earlier_runs(plan, begun, warn, resume=resume)
    ended: list[Outcomes] = []
    with (
        only_one(plan, alone=resume),
        connected(cluster, verbosity, lambda gone: _say_ray_is_lost(gone, plan), say),
        ctrl_c_requests(graceful_stop),
    ):
        plan.write()
        if not resume:
            for group in runs(experiments):
                note_beginning_of(group[0])
        for group in runs(experiments):
            if not graceful_stop.requested:
                ended.append(_run_together(group, graceful_stop, plan, resume=resume))
    return _all_together(ended, plan, graceful_stop, resume=resume)


def runs(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    """Which experiments are trained at once.

    Tune has one scheduler and one search algorithm in a run, which would compare trials of different experiments:
    an experiment with either of its own is a run of its own, after all others.
    """
    together = [each for each in experiments if each.scheduler.is_fifo and each.search == Search()]
    alone = [[each] for each in experiments if each not in together]
    return [*([together] if together else []), *alone]


def _set_tune_up() -> None:
    """Tune reads these when it is imported, or when it starts."""
    # Tune's own banner and tables would come between the lines of the live table.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # Without a finished episode there is no return to compare yet; that must not end the search.
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"


def _look_at_earlier_runs(
    plan: Plan, begun: Plan | None, warn: Callable[[str], object], *, resume: bool
) -> None:
    """Checks that a run can go on, and takes over what is known of its code; warns where a new one replaces another."""
    from rllib_remix.running.record.going_on import (
        check_can_go_on,
        go_on_with_code_of,
        warn_of_what_is_left_behind,
    )

    if resume:
        there = check_can_go_on(plan)
        begun = begun or there
    else:
        warn_of_what_is_left_behind(plan, warn)
    if begun is not None:
        go_on_with_code_of(begun, plan, warn)


def _run_together(
    experiments: Sequence[Experiment], graceful_stop: GracefulStop, plan: Plan, *, resume: bool
) -> Outcomes:
    """One run of Tune."""
    from ray import tune

    from rllib_remix.running.callbacks.progress import ProgressCallback
    from rllib_remix.running.driver_memory import done_tasks_forgotten
    from rllib_remix.running.record.going_on import damaged, what_tune_resumes
    from rllib_remix.running.record.updating import CannotGoOn

    first = experiments[0]
    arguments = _tune_arguments(experiments, graceful_stop, plan.max_concurrent)
    loggers = plan.loggers.callbacks(first.name)
    progress = ProgressCallback(_title(experiments), names=[each.name for each in experiments])
    with progress, done_tasks_forgotten():
        graceful_stop.say = progress.say
        resume_config, checks = what_tune_resumes(first, progress.say) if resume else (None, [])
        try:
            analysis = tune.run(
                **arguments,
                callbacks=[*_callbacks(progress, graceful_stop, loggers), *checks, *loggers],
                resume_config=resume_config,
                verbose=0,
                raise_on_failed_trial=False,
            )
        except CannotGoOn as error:
            raise damaged(first, error) from error
        finally:
            graceful_stop.say = print
    trials = [trial for trial in analysis.trials or [] if has_begun(trial)]
    best = _best_trials(experiments, trials)
    labels = {trial_id: shown.label for trial_id, shown in progress.trials.items()}
    return Outcomes(
        outcomes_of(trials, labels, [trial for trial, _ in best if trial is not None]),
        nothing_to_do=not progress.trials,
        best=[line for _, line in best],
    )


def _tune_arguments(
    experiments: Sequence[Experiment], graceful_stop: GracefulStop, max_concurrent: int | None
) -> dict[str, Any]:
    """What Tune is to train, and how it draws and compares trials."""
    from rllib_remix.running.interrupt import pausing

    first = experiments[0]
    search = first.search
    if max_concurrent is not None:
        search = replace(search, max_concurrent=max_concurrent)
    seed_schedulers(search.seed)
    specs = [_tune_experiment(experiment) for experiment in experiments]
    scheduler = build_scheduler("scheduler", first.scheduler, first.stop, first.metric, search.mode)
    return {
        "run_or_experiment": specs,
        "scheduler": pausing(scheduler, graceful_stop),
        "search_alg": build_searcher(search, first.config, first.metric),
        "reuse_actors": all(map(_can_be_reset, experiments)),
    }


def _name_of_function(trial: Any) -> str:
    """A trial's name where its environment is a function, which Tune would name by its address in memory."""
    name = trial.config["env"].__name__.strip("<>")
    return f"{trial.trainable_name}_{name}_{trial.trial_id}"


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
        trial_name_creator=_name_of_function if inspect.isfunction(experiment.config.get("env")) else None,
    )


def _can_be_reset(experiment: Experiment) -> bool:
    """Whether one process can train a trial after another: only where an algorithm's class has a `reset_config`."""
    from ray.rllib.algorithms.algorithm import Algorithm

    _, algorithm_class, _ = find_algorithm(experiment.run)
    return algorithm_class.reset_config is not Algorithm.reset_config


def _callbacks(
    progress: ProgressCallback, graceful_stop: GracefulStop, loggers: Sequence[LoggerCallback]
) -> list[Callback]:
    """What watches every run, in the order in which Tune calls it."""
    from rllib_remix.running.callbacks.board_logger import BoardLogger
    from rllib_remix.running.callbacks.last_save import PatientLastSaves
    from rllib_remix.running.callbacks.nonfinite import NonFiniteFailures
    from rllib_remix.running.callbacks.opponents import OpponentsInATeam
    from rllib_remix.running.callbacks.result_logs import ResultLogs, TableLogger
    from rllib_remix.running.callbacks.storage_warnings import StorageWarnings
    from rllib_remix.running.driver_memory import NotesForgotten
    from rllib_remix.running.interrupt import StopOnRequest

    logs, board = ResultLogs(), BoardLogger()
    return [
        progress,
        logs,
        StorageWarnings(logs, progress.say),
        NonFiniteFailures(progress.say),
        OpponentsInATeam(progress.say),
        TableLogger(),
        board,
        NotesForgotten(),
        PatientLastSaves(lambda: graceful_stop.requested),
        StopOnRequest(graceful_stop, [board, *loggers]),
    ]


def _title(experiments: Sequence[Experiment]) -> str:
    if len(experiments) > 1:
        return f"{len(experiments)} experiments in {Path(experiments[0].storage_path)}"
    experiment = experiments[0]
    algorithm = getattr(experiment.run, "__name__", experiment.run)
    return f"{experiment.name}: {algorithm} on {experiment.config.get('env')}"


def _best_trials(
    experiments: Sequence[Experiment], trials: Sequence[Trial]
) -> list[tuple[Trial | None, str]]:
    """The best trial of each experiment that is a search, and a line about it."""
    return [
        best_trial(experiment, [trial for trial in trials if _folder_name(trial) == experiment.name])
        for experiment in experiments
        if is_search(experiment)
    ]


def _folder_name(trial: Trial) -> str:
    """The name of the experiment that a trial belongs to."""
    return Path(str(trial.path)).parent.name


def _all_together(
    ended: Sequence[Outcomes], plan: Plan, graceful_stop: GracefulStop, *, resume: bool
) -> Outcomes:
    can_go_on = not any(each.scheduler.type == "hyperband" for each in plan.experiments)
    return Outcomes(
        [trial for each in ended for trial in each.trials],
        stopped_by=graceful_stop.by,
        nothing_to_do=resume and not graceful_stop.requested and all(each.nothing_to_do for each in ended),
        run=str(plan.folders()[0]) if plan.folders() and can_go_on else None,
        best=[line for each in ended for line in each.best],
    )


def _say_ray_is_lost(gone: str, plan: Plan) -> None:
    from rich.console import Console

    Console().show_cursor(True)  # which the live table hides
    folders = plan.folders()
    go_on = f"`rllib resume {shlex.quote(str(folders[0]))}`" if folders else "the same command and --resume"
    print_error(f"Ray is lost: {gone}. Go on with {go_on}.")
