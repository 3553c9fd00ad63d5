"""`rllib train` and `rllib train file`; what reads and checks experiments is imported when they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rllib_remix.cli.ending import say_what_came_of_it
from rllib_remix.cli.errors import verbosity_of
from rllib_remix.cli.given import given_command
from rllib_remix.cli.options import (
    ADDRESS_OPTION,
    CPUS_OPTION,
    GPUS_OPTION,
    MEMORY_OPTION,
    MLFLOW_EXPERIMENT_OPTION,
    MLFLOW_URI_OPTION,
    NO_WAIT_OPTION,
    NODES_OPTION,
    RUNTIME_ENV_OPTION,
    SUBMIT_OPTION,
    UI_OPTION,
    WANDB_KEY_OPTION,
    WANDB_PROJECT_OPTION,
    WANDB_RUN_NAME_OPTION,
)
from rllib_remix.cli.panels import CommandInPanels, GroupInPanels
from rllib_remix.cli.train_options import (
    DEBUG_OPTION,
    MAX_CONCURRENT_OPTION,
    MAX_FAILURES_OPTION,
    PRESET_OPTION,
    RESTORE_OPTION,
    RESUME_OPTION,
    SCHEDULER_CONFIG_OPTION,
    SCHEDULER_OPTION,
    SCORE_OPTION,
    SEARCH_CONFIG_OPTION,
    SEARCH_OPTION,
    SET_OPTION,
    VERBOSE_OPTION,
)
from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.jobs.submit import Submission, submit_run
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.outcomes import Outcomes
from rllib_remix.terminal.lines import print_line, print_note, say_loading
from rllib_remix.terminal.quiet import quiet_ray

if TYPE_CHECKING:
    from rllib_remix.experiments.reading.options import Changes

FAILED_EXIT_CODE = 1
INTERRUPTED_EXIT_CODE = 130

app = typer.Typer(cls=GroupInPanels, invoke_without_command=True, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def train(
    ctx: typer.Context,
    algo: str = typer.Option(None, "--algo", "--run", "-a", "-r", help="VDN, QMIX, …, PPO, or a class path."),
    env: str = typer.Option(
        None,
        "--env",
        "-e",
        help="predator_prey, mpe2.simple_spread_v3, a Gymnasium id, file.py:make, …; see `rllib envs`.",
    ),
    env_config: str = typer.Option("{}", "--env-config", help="JSON of environment settings, or @FILE."),
    config: str = typer.Option("{}", "--config", "-c", help="JSON of algorithm settings, or @FILE."),
    stop: str = typer.Option("{}", "--stop", "-s", help="JSON of result key to limit, or @FILE."),
    assignments: list[str] = SET_OPTION,
    preset: str = PRESET_OPTION,
    experiment_name: str = typer.Option(
        "default", "--experiment-name", "-n", help="Sub-folder for the results."
    ),
    num_samples: int = typer.Option(1, "--num-samples", help="How often to repeat the experiment."),
    checkpoint_freq: int = typer.Option(
        0, "--checkpoint-freq", help="Iterations between checkpoints; 0 is none."
    ),
    checkpoint_at_end: bool = typer.Option(True, help="Save a checkpoint at the end."),
    keep_checkpoints_num: int = typer.Option(
        None, "--keep-checkpoints-num", help="Keep this many [default: all]."
    ),
    checkpoint_score_attr: str = SCORE_OPTION,
    storage_path: str = typer.Option("~/ray_results", "--storage-path", help="Folder for results, or s3://…"),
    restore: Path = RESTORE_OPTION,
    resources_per_trial: str = typer.Option(
        None, "--resources-per-trial", help='JSON of what a trial reserves in all, such as {"cpu": 4}.'
    ),
    framework: str = typer.Option("torch", "--framework", help="torch is the only one left."),
    scheduler: str = SCHEDULER_OPTION,
    scheduler_config: str = SCHEDULER_CONFIG_OPTION,
    search: str = SEARCH_OPTION,
    search_config: str = SEARCH_CONFIG_OPTION,
    max_concurrent: int = MAX_CONCURRENT_OPTION,
    resume: bool = RESUME_OPTION,
    max_failures: int = MAX_FAILURES_OPTION,
    ray_address: str = ADDRESS_OPTION,
    ray_num_cpus: int = CPUS_OPTION,
    ray_num_gpus: int = GPUS_OPTION,
    ray_num_nodes: int = NODES_OPTION,
    ray_object_store_memory: int = MEMORY_OPTION,
    ray_ui: bool = UI_OPTION,
    wandb_key: str = WANDB_KEY_OPTION,
    wandb_project: str = WANDB_PROJECT_OPTION,
    wandb_run_name: str = WANDB_RUN_NAME_OPTION,
    mlflow_tracking_uri: str = MLFLOW_URI_OPTION,
    mlflow_experiment: str = MLFLOW_EXPERIMENT_OPTION,
    submit: bool = SUBMIT_OPTION,
    runtime_env: str = RUNTIME_ENV_OPTION,
    no_wait: bool = NO_WAIT_OPTION,
    verbose: int = VERBOSE_OPTION,
    log_debug: bool = DEBUG_OPTION,
) -> None:
    """Train an algorithm on an environment, or the experiments of a FILE (`rllib train file FILE`)."""
    if ctx.invoked_subcommand is not None:
        _refuse_options_before(ctx)
        return
    from rllib_remix.experiments.old.effects import check_framework
    from rllib_remix.experiments.reading.options import experiment_of_options

    if not algo:
        raise UserError("--algo: no algorithm given; for example --algo ReMIX.")
    check_framework("--framework", framework)
    experiment = experiment_of_options(
        algo,
        env=env,
        env_config=env_config,
        config=config,
        stop=stop,
        assignments=_assignments(assignments, preset),
    )
    submission = Submission.from_options(submit, ray_address, runtime_env, no_wait, wandb_key)
    _changes(ctx.params, env=None, stop=None).make(experiment_name, [experiment])
    _check_and_run(ctx, [experiment], submission)


@app.command("file", cls=CommandInPanels, short_help="Train the experiments of a file.")
def train_file(
    ctx: typer.Context,
    file: Path = typer.Argument(
        help="A .yaml file of experiments, or a .py module with `config` (and `stop`). A module is run; of a .yaml "
        "file, the modules that its `env`, `run` and `weighting` name are imported, which runs them."
    ),
    only: str = typer.Option(None, "--only", help="Run this experiment of FILE alone."),
    env: str = typer.Option(None, "--env", "-e", help="Environment instead of the first experiment's."),
    stop: str = typer.Option(None, "--stop", "-s", help="JSON of result key to limit (.py files only)."),
    assignments: list[str] = SET_OPTION,
    preset: str = PRESET_OPTION,
    experiment_name: str = typer.Option(
        None, "--experiment-name", "-n", help="Instead of the (only) one in FILE."
    ),
    num_samples: int = typer.Option(None, "--num-samples", help="Repeats, instead of the file's."),
    checkpoint_freq: int = typer.Option(None, "--checkpoint-freq", help="Iterations, instead of the file's."),
    checkpoint_at_end: bool = typer.Option(None, help="Instead of the file's."),
    keep_checkpoints_num: int = typer.Option(
        None, "--keep-checkpoints-num", help="Keep this many, instead of the file's."
    ),
    checkpoint_score_attr: str = SCORE_OPTION,
    storage_path: str = typer.Option(
        None, "--storage-path", help="Folder for results, instead of the file's."
    ),
    restore: Path = RESTORE_OPTION,
    scheduler: str = SCHEDULER_OPTION,
    scheduler_config: str = SCHEDULER_CONFIG_OPTION,
    search: str = SEARCH_OPTION,
    search_config: str = SEARCH_CONFIG_OPTION,
    max_concurrent: int = MAX_CONCURRENT_OPTION,
    resume: bool = RESUME_OPTION,
    max_failures: int = MAX_FAILURES_OPTION,
    ray_address: str = ADDRESS_OPTION,
    ray_num_cpus: int = CPUS_OPTION,
    ray_num_gpus: int = GPUS_OPTION,
    ray_num_nodes: int = NODES_OPTION,
    ray_object_store_memory: int = MEMORY_OPTION,
    ray_ui: bool = UI_OPTION,
    wandb_key: str = WANDB_KEY_OPTION,
    wandb_project: str = WANDB_PROJECT_OPTION,
    wandb_run_name: str = WANDB_RUN_NAME_OPTION,
    mlflow_tracking_uri: str = MLFLOW_URI_OPTION,
    mlflow_experiment: str = MLFLOW_EXPERIMENT_OPTION,
    submit: bool = SUBMIT_OPTION,
    runtime_env: str = RUNTIME_ENV_OPTION,
    no_wait: bool = NO_WAIT_OPTION,
    verbose: int = VERBOSE_OPTION,
    log_debug: bool = DEBUG_OPTION,
) -> None:
    """Train the experiments of a YAML file or a Python module; options win over the file."""
    from rllib_remix.experiments.loading import read
    from rllib_remix.experiments.reading.criteria import parse_stop
    from rllib_remix.files.json_text import parse_json_object

    criteria = parse_stop("--stop", parse_json_object("--stop", stop)) if stop is not None else None
    changes = _changes(ctx.params, stop=criteria, set=_assignments(assignments, preset))
    changes.check_stop_can_change(str(file))
    submission = Submission.from_options(submit, ray_address, runtime_env, no_wait, wandb_key)
    _check_and_run(ctx, read(file, only=only, changes=changes), submission)


def _changes(options: dict[str, Any], **read: Any) -> Changes:
    """What options say of experiments, some of them read already."""
    from rllib_remix.experiments.reading.options import Changes

    names = [field.name for field in fields(Changes) if field.name in options]
    return Changes(**({name: options[name] for name in names} | read))


def _assignments(given: Sequence[str], preset: str | None) -> list[str]:
    return [*([] if preset is None else [f"config.preset={preset}"]), *given]


def _refuse_options_before(ctx: typer.Context) -> None:
    """Options of `rllib train` would be lost when `file` follows them."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in ("verbose", "log_debug"):
            raise UserError(f"{parameter.opts[0]}: options of `rllib train file` go after the word `file`.")


def _cluster(options: dict[str, Any]) -> Cluster:
    names = ("address", "num_cpus", "num_gpus", "num_nodes", "object_store_memory", "ui")
    return Cluster(*(options[f"ray_{name}"] for name in names))


def _loggers(options: dict[str, Any]) -> Loggers:
    return Loggers(**{name: options[name] for name in Loggers.__dataclass_fields__})


def _check_and_run(
    ctx: typer.Context, experiments: list[Experiment], submission: Submission | None = None
) -> None:
    from rllib_remix.running import starting

    if submission:
        raise typer.Exit(_check_and_submit(ctx, experiments, submission))
    outcomes = starting.run(
        experiments,
        cluster=_cluster(ctx.params),
        max_concurrent=ctx.params["max_concurrent"],
        loggers=_loggers(ctx.params),
        resume=ctx.params["resume"],
        verbosity=verbosity_of(ctx),
    )
    end(outcomes)


def _check_and_submit(ctx: typer.Context, experiments: list[Experiment], submission: Submission) -> int:
    """Checks what another machine will run, and sends it there; returns the exit code."""
    from rllib_remix.experiments.checking import check_experiments

    verbosity = verbosity_of(ctx)
    say_loading(print_line)
    with quiet_ray(verbosity):
        check_experiments(experiments, here=False)
        for note in [note for experiment in experiments for note in experiment.notes]:
            print_note(f"Note: {note}")
        return submit_run(given_command(ctx), experiments, submission, verbosity=verbosity)


def end(outcomes: Outcomes) -> None:
    """Says what came of a run.

    Raises:
        typer.Exit: if it was interrupted, a trial failed, or the end of one could not be saved.
    """
    say_what_came_of_it(outcomes)
    if any(trial.lost for trial in outcomes.trials):
        raise typer.Exit(FAILED_EXIT_CODE)
    if outcomes.stopped_by:
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    if any(trial.error for trial in outcomes.trials):
        raise typer.Exit(FAILED_EXIT_CODE)
