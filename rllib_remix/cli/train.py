"""`rllib train` and `rllib train file`."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from rllib_remix.checkpoints.clock import metadata_of
from rllib_remix.checkpoints.finding import is_of_team
from rllib_remix.cli.errors import remember_verbosity, verbosity_of
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
from rllib_remix.cli.removed_options import GroupThatAnswers
from rllib_remix.errors import SettingError, UserError, unknown
from rllib_remix.experiments.experiment import (
    MAX_COUNT,
    MAX_FAILURES,
    Checkpoints,
    Experiment,
    check_environment_settings,
    check_experiment,
)
from rllib_remix.experiments.files import parse_score_attribute, read_experiments
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.experiments.old.settings import check_framework, translate_config
from rllib_remix.experiments.parsing import check_folder_name, parse_json_object, parse_stop
from rllib_remix.experiments.resources import check_resources
from rllib_remix.experiments.schedulers import parse_scheduler
from rllib_remix.experiments.search_spaces import MAX_TRIALS
from rllib_remix.experiments.searchers import parse_search
from rllib_remix.files.text_files import local_path
from rllib_remix.jobs.submit import Submission, submit_run
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.outcomes import Outcomes
from rllib_remix.running.tune_run import run_experiments
from rllib_remix.terminal.errors import print_error
from rllib_remix.terminal.quiet import quiet_ray

FAILED_EXIT_CODE = 1
INTERRUPTED_EXIT_CODE = 130

app = typer.Typer(
    cls=GroupThatAnswers, invoke_without_command=True, no_args_is_help=True, rich_markup_mode=None
)

VERBOSE_OPTION = typer.Option(
    0,
    "--verbose",
    "-v",
    "--log-info",
    count=True,
    callback=remember_verbosity,
    show_default=False,
    help="-v shows Ray's own messages, -vv tracebacks too.",
)
DEBUG_OPTION = typer.Option(
    False,
    "--log-debug",
    callback=lambda ctx, given: remember_verbosity(ctx, 2 if given else 0),
    help="The same as -vv.",
)
SCHEDULER_OPTION = typer.Option(
    None, "--scheduler", help="FIFO, ASHA, hyperband, median_stopping, pbt, … [default: FIFO]."
)
SCHEDULER_CONFIG_OPTION = typer.Option(
    None, "--scheduler-config", help="JSON of the scheduler's settings, or @FILE."
)
SEARCH_OPTION = typer.Option(None, "--search", help="How samples are drawn: random or optuna.")
SEARCH_CONFIG_OPTION = typer.Option(
    None, "--search-config", help="JSON of metric, mode, seed and max_concurrent, or @FILE."
)
RESUME_OPTION = typer.Option(
    False,
    "--resume",
    help="Go on with what an earlier run of the same name left, if there is any. It is unpickled, which can run code: "
    "resume only what you trust.",
)
RESTORE_OPTION = typer.Option(
    None,
    "--restore",
    help="Checkpoint folder to start from. It is unpickled, which can run code: restore only what you trust.",
)
MAX_FAILURES_OPTION = typer.Option(
    None,
    "--max-failures",
    min=-1,
    max=MAX_COUNT,
    help=f"Times that a failed trial starts again from its newest checkpoint; -1 is no limit [default: {MAX_FAILURES}].",
)
MAX_CONCURRENT_OPTION = typer.Option(
    None,
    "--max-concurrent",
    min=1,
    max=MAX_TRIALS,
    help="Trials at a time [default: as many as there are CPUs for].",
)
SCORE_OPTION = typer.Option(
    None,
    "--checkpoint-score-attr",
    help="Result key that says which to keep; with min- before it the lowest [default: training_iteration].",
)


@app.callback()
def train(
    ctx: typer.Context,
    algo: str = typer.Option(None, "--algo", "--run", "-a", "-r", help="VDN, QMIX, …, PPO, or a class path."),
    env: str = typer.Option(None, "--env", "-e", help="predator_prey, …, a Gymnasium id, or a class path."),
    env_config: str = typer.Option("{}", "--env-config", help="JSON of environment settings, or @FILE."),
    config: str = typer.Option("{}", "--config", "-c", help="JSON of algorithm settings, or @FILE."),
    stop: str = typer.Option("{}", "--stop", "-s", help="JSON of result key to limit, or @FILE."),
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
    if not algo:
        raise UserError("--algo: no algorithm given; for example --algo ReMIX.")
    check_framework("--framework", framework)
    settings = parse_json_object("--config", config)
    settings_of_env = parse_json_object("--env-config", env_config)
    if env:
        settings["env"] = env
    if settings_of_env:
        check_environment_settings("--config: env_config", settings.get("env_config"))
        settings["env_config"] = {**(settings.get("env_config") or {}), **settings_of_env}
    settings, notes = translate_config("--config", settings, algo)
    criteria = parse_stop("--stop", parse_json_object("--stop", stop))
    submission = Submission.from_options(submit, ray_address, runtime_env, no_wait, wandb_key)
    check_folder_name("--experiment-name", experiment_name)

    experiment = Experiment(
        name=experiment_name,
        run=algo,
        config=settings,
        stop=criteria,
        num_samples=num_samples,
        storage_path=storage_path,
        checkpoints=Checkpoints(checkpoint_freq, checkpoint_at_end, keep_checkpoints_num),
        restore=local_path("--restore", str(restore)).absolute() if restore else None,
        notes=notes,
    )
    if resources_per_trial is not None:
        given = parse_json_object("--resources-per-trial", resources_per_trial)
        experiment.resources = check_resources("--resources-per-trial", given)
    _take_options(ctx.params, [experiment])
    _check_and_run(ctx, [experiment], submission)


@app.command("file", short_help="Train the experiments of a file.")
def train_file(
    ctx: typer.Context,
    file: Path = typer.Argument(
        help="A .yaml file of experiments, or a .py module with `config` (and `stop`). A module is run; of a .yaml "
        "file, the modules that its `env` and `run` name are imported, which runs them."
    ),
    only: str = typer.Option(None, "--only", help="Run this experiment of FILE alone."),
    env: str = typer.Option(None, "--env", "-e", help="Environment instead of the first experiment's."),
    stop: str = typer.Option(None, "--stop", "-s", help="JSON of result key to limit (.py files only)."),
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
    criteria = parse_stop("--stop", parse_json_object("--stop", stop)) if stop is not None else None
    if criteria is not None and file.suffix != ".py":
        raise UserError(f"--stop: works with .py files only; write the stop of {str(file)!r} into the file.")

    submission = Submission.from_options(submit, ray_address, runtime_env, no_wait, wandb_key)
    experiments = _only(file, read_experiments(file), only)
    if experiment_name is not None:
        if len(experiments) > 1:
            raise UserError(
                f"--experiment-name: {str(file)!r} has {len(experiments)} experiments with their own names."
            )
        experiments[0].name = check_folder_name("--experiment-name", experiment_name)
    if env is not None:
        experiments[0].config["env"] = env
    if restore is not None:
        if len(experiments) > 1:
            raise UserError(
                f"--restore: {str(file)!r} has {len(experiments)} experiments; name the one to restore with --only."
            )
        experiments[0].restore = restore.expanduser().absolute()
    for experiment in experiments:
        if criteria is not None:
            experiment.stop = criteria
        if num_samples is not None:
            experiment.num_samples = num_samples
        if checkpoint_freq is not None:
            experiment.checkpoints.frequency = checkpoint_freq
        if checkpoint_at_end is not None:
            experiment.checkpoints.at_end = checkpoint_at_end
        if keep_checkpoints_num is not None:
            experiment.checkpoints.num_to_keep = keep_checkpoints_num
        if storage_path is not None:
            experiment.storage_path = storage_path
    _take_options(ctx.params, experiments)
    _check_and_run(ctx, experiments, submission)


def _only(file: Path, experiments: list[Experiment], name: str | None) -> list[Experiment]:
    if name is None:
        return experiments
    chosen = [experiment for experiment in experiments if experiment.name == name]
    if not chosen:
        raise unknown(f"--only: {file}", name, [experiment.name for experiment in experiments])
    return chosen


def _take_options(options: dict[str, Any], experiments: list[Experiment]) -> None:
    """Sets what both commands have options for: the best checkpoint, the scheduler and the search."""
    score = options["checkpoint_score_attr"]
    scheduler, search = options["scheduler"], options["search"]
    scheduler_config = options["scheduler_config"]
    if scheduler_config is not None and scheduler is None:
        raise UserError("--scheduler-config: belongs to --scheduler; give both.")
    search_config = _json_of(options, "search_config")
    for experiment in experiments:
        if options["max_failures"] is not None:
            experiment.max_failures = options["max_failures"]
        if score is not None:
            key, order = parse_score_attribute("--checkpoint-score-attr", score)
            experiment.checkpoints.score_attribute, experiment.checkpoints.score_order = key, order
        if scheduler is not None:
            settings = _json_of(options, "scheduler_config")
            experiment.scheduler = parse_scheduler("--scheduler", scheduler, settings)
        if search is not None or search_config:
            given = vars(experiment.search) | search_config
            experiment.search = parse_search("--search", given | ({"algorithm": search} if search else {}))


def _json_of(options: dict[str, Any], name: str) -> dict[str, Any]:
    text = options[name]
    return {} if text is None else parse_json_object(f"--{name.replace('_', '-')}", text)


def _refuse_options_before(ctx: typer.Context) -> None:
    """Options of `rllib train` would be lost when `file` follows them."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in ("verbose", "log_debug"):
            raise UserError(f"{parameter.opts[0]}: options of `rllib train file` go after the word `file`.")


def _cluster(options: dict[str, Any]) -> Cluster:
    return Cluster(
        options["ray_address"],
        options["ray_num_cpus"],
        options["ray_num_gpus"],
        options["ray_num_nodes"],
        options["ray_object_store_memory"],
        options["ray_ui"],
    )


def _loggers(options: dict[str, Any]) -> Loggers:
    return Loggers(**{name: options[name] for name in Loggers.__dataclass_fields__})


def _check_and_run(
    ctx: typer.Context, experiments: list[Experiment], submission: Submission | None = None
) -> None:
    verbosity = verbosity_of(ctx)
    cluster, loggers = _cluster(ctx.params), _loggers(ctx.params)
    if not submission:
        cluster.check()
        loggers.check()
    with nullcontext() if verbosity else quiet_ray():
        for experiment in experiments:
            try:
                check_experiment(
                    experiment,
                    num_cpus=None if submission else cluster.known_cpus,
                    num_gpus=None if submission else cluster.known_gpus,
                    here=not submission,
                )
            except (UserError, SettingError) as error:
                if len(experiments) == 1:
                    raise
                raise UserError(f"experiment {experiment.name!r}: {error}") from error
        for note in [note for experiment in experiments for note in experiment.notes]:
            typer.echo(f"Note: {note}", err=True)
        if submission:
            raise typer.Exit(
                submit_run(given_command(ctx), experiments, submission, verbosity=verbosity_of(ctx))
            )
        typer.echo("Starting Ray …")
        outcomes = run_experiments(
            experiments,
            cluster=cluster,
            max_concurrent=ctx.params["max_concurrent"],
            loggers=loggers,
            verbosity=verbosity,
            resume=ctx.params["resume"],
        )
    end(outcomes)


def end(outcomes: Outcomes) -> None:
    """Says what came of a run.

    Raises:
        typer.Exit: if it was interrupted, a trial failed, or the end of one could not be saved.
    """
    _say_what_came_of_it(outcomes)
    if any(trial.lost for trial in outcomes.trials):
        raise typer.Exit(FAILED_EXIT_CODE)
    if outcomes.stopped_by:
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    if any(trial.error for trial in outcomes.trials):
        raise typer.Exit(FAILED_EXIT_CODE)


def _say_what_came_of_it(outcomes: Outcomes) -> None:
    if outcomes.stopped_by:
        too_early = "" if outcomes.trials else " before any trial had begun"
        typer.echo(f"\nStopped by {outcomes.stopped_by}{too_early}.")
        if outcomes.run:
            typer.echo(f"Go on with: rllib resume {shlex.quote(outcomes.run)}")
    if outcomes.nothing_to_do:
        typer.echo("\nNothing to do: all trials have reached their end.")
    for trial in outcomes.trials:
        typer.echo(f"\n{trial.name}")
        typer.echo(f"  Results:    {trial.folder}")
        if trial.error:
            print_error(f"{trial.name} failed: {trial.error}")
            typer.echo(f"  Traceback:  {trial.error_file}", err=True)
        if trial.lost:
            print_error(f"{trial.name}: {trial.lost}: rllib resume {shlex.quote(trial.folder)}")
        if trial.checkpoint:
            typer.echo(f"  Checkpoint: {trial.checkpoint}")
            if is_of_team(Path(trial.checkpoint)):
                typer.echo(f"  Evaluate:   {_evaluation(Path(trial.checkpoint))}")
    for line in outcomes.best:
        typer.echo(f"\n{line}")


def _evaluation(checkpoint: Path) -> str:
    """The command that plays a team; the user's own code is run only if the user names it."""
    words = ["rllib", "evaluate", str(checkpoint), "--episodes", "32"]
    env = metadata_of(checkpoint).get("environment")
    if isinstance(env, str) and "." in env:
        words += ["--env", env]
    return shlex.join(words)
