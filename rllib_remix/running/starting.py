"""Begins a run, or goes on with one: what `rllib train` and `rllib resume` do, for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rllib_remix.errors import UserError
from rllib_remix.experiments.checking import check_experiments
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.experiments.plan import read_plan, run_folder
from rllib_remix.experiments.user_modules import find_modules_in
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.outcomes import Outcomes
from rllib_remix.running.tune_run import run_experiments
from rllib_remix.terminal.lines import print_line, print_note, say_loading
from rllib_remix.terminal.quiet import quiet_ray


def run(
    experiments: Experiment | Sequence[Experiment],
    *,
    cluster: Cluster | None = None,
    max_concurrent: int | None = None,
    loggers: Loggers | None = None,
    resume: bool = False,
    verbosity: int = 0,
    say: Callable[[str], object] = print_line,
    warn: Callable[[str], object] = print_note,
) -> Outcomes:
    """Checks experiments, trains them with Tune and waits for their end; progress is shown on stdout.

    Ctrl-C stops the run as it stops the command: trials end their iteration and save. Experiments are changed by
    their checks (paths become absolute, environments are filled in): make new ones for another run.

    Args:
        experiments: one or several, such as a file holds.
        cluster: the Ray to run on; by default one is started here, with all CPUs, and shut down at the end.
        max_concurrent: trials at a time; None is as many as there are CPUs for.
        loggers: where results go beside Tune's files.
        resume: go on with what an earlier run of the same experiments left, if there is any. It is unpickled.
        verbosity: 0 hides Ray's messages, 1 shows them.
        say: takes lines about the run, such as where Ray's dashboard is.
        warn: takes notes and warnings.

    Returns:
        How every trial ended. A trial that failed raises nothing: its outcome has the error.

    Raises:
        UserError, SettingError: an experiment cannot be trained; nothing was started.
    """
    experiments = [experiments] if isinstance(experiments, Experiment) else list(experiments)
    cluster, loggers = cluster or Cluster(), loggers or Loggers()
    cluster.check()
    loggers.check()
    say_loading(say)
    with quiet_ray(verbosity):
        check_experiments(experiments, num_cpus=cluster.known_cpus, num_gpus=cluster.known_gpus)
        for note in [note for experiment in experiments for note in experiment.notes]:
            warn(f"Note: {note}")
        say("Starting Ray …")
        return run_experiments(
            experiments,
            cluster=cluster,
            max_concurrent=max_concurrent,
            loggers=loggers,
            verbosity=verbosity,
            resume=resume,
            say=say,
            warn=warn,
        )


def resume(
    run: Path | str,
    *,
    cluster: Cluster | None = None,
    verbosity: int = 0,
    say: Callable[[str], object] = print_line,
    warn: Callable[[str], object] = print_note,
) -> Outcomes:
    """Goes on with a run that was stopped, killed or failed, as it was asked for, and waits for its end.

    Every trial that has not reached its end starts from its newest checkpoint. What the folder holds is unpickled:
    resume only what you trust.

    Args:
        run: folder of one of the run's experiments, or of a trial of it.
        cluster, verbosity, say, warn: as `run` has them.

    Returns:
        How every trial ended.

    Raises:
        UserError: there is no run, it is damaged, or it cannot go on.
    """
    cluster = cluster or Cluster()
    cluster.check()
    folder = run_folder(Path(run))
    say_loading(say)
    with quiet_ray(verbosity):
        find_modules_in(Path.cwd())  # before the plan is read, which may name them
        plan = read_plan(folder)
        for experiment_folder in plan.folders():
            if not experiment_folder.is_dir():
                raise UserError(
                    f"run: folder {str(experiment_folder)!r} of one of its experiments is not there any more."
                )
        plan.loggers.check()
        find_modules_in(Path(plan.modules))
        say("Starting Ray …")
        return run_experiments(
            plan.experiments,
            cluster=cluster,
            max_concurrent=plan.max_concurrent,
            loggers=plan.loggers,
            verbosity=verbosity,
            resume=True,
            begun=plan,
            say=say,
            warn=warn,
        )
