"""`rllib train` and `rllib train file`."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path

import typer

from rllib_remix.cli.checkpoints import is_of_team
from rllib_remix.cli.errors import UserError, print_error, remember_verbosity, verbosity_of
from rllib_remix.cli.experiment_files import read_experiments
from rllib_remix.cli.experiments import Checkpoints, Experiment, check_experiment
from rllib_remix.cli.parsing import check_folder_name, parse_json_object, parse_stop
from rllib_remix.cli.quiet import quiet_ray
from rllib_remix.cli.training import Cluster, Outcomes, run_experiments
from rllib_remix.settings import SettingError

FAILED_EXIT_CODE = 1
INTERRUPTED_EXIT_CODE = 130

app = typer.Typer(invoke_without_command=True, no_args_is_help=True, rich_markup_mode=None)

VERBOSE_OPTION = typer.Option(
    0,
    "--verbose",
    "-v",
    count=True,
    callback=remember_verbosity,
    show_default=False,
    help="-v shows Ray's own messages, -vv tracebacks too.",
)
ADDRESS_OPTION = typer.Option(None, "--ray-address", help="A running Ray cluster [default: start Ray here].")
CPUS_OPTION = typer.Option(None, "--ray-num-cpus", min=1, help="CPUs that Ray may share out [default: all].")


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
    checkpoint_score_attr: str = typer.Option(
        None, "--checkpoint-score-attr", help="Result key that says which to keep [default: the newest]."
    ),
    storage_path: str = typer.Option("~/ray_results", "--storage-path", help="Folder for results, or s3://…"),
    restore: Path = typer.Option(None, "--restore", help="Checkpoint folder to start from."),
    ray_address: str = ADDRESS_OPTION,
    ray_num_cpus: int = CPUS_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Train an algorithm on an environment, or the experiments of a FILE (`rllib train file FILE`)."""
    if ctx.invoked_subcommand is not None:
        _refuse_options_before(ctx)
        return
    if not algo:
        raise UserError("--algo: no algorithm given; for example --algo ReMIX.")
    settings = parse_json_object("--config", config)
    settings_of_env = parse_json_object("--env-config", env_config)
    if env:
        settings["env"] = env
    if settings_of_env:
        settings["env_config"] = {**settings.get("env_config", {}), **settings_of_env}
    criteria = parse_stop("--stop", parse_json_object("--stop", stop))
    check_folder_name("--experiment-name", experiment_name)

    experiment = Experiment(
        name=experiment_name,
        run=algo,
        config=settings,
        stop=criteria,
        num_samples=num_samples,
        storage_path=storage_path,
        checkpoints=Checkpoints(
            checkpoint_freq, checkpoint_at_end, keep_checkpoints_num, checkpoint_score_attr
        ),
        restore=restore.expanduser().absolute() if restore else None,
    )
    _check_and_run(ctx, [experiment], Cluster(ray_address, ray_num_cpus))


@app.command("file")
def train_file(
    ctx: typer.Context,
    file: Path = typer.Argument(
        help="A .yaml file of experiments, or a .py module with `config` (and `stop`)."
    ),
    env: str = typer.Option(None, "--env", "-e", help="Environment instead of the first experiment's."),
    stop: str = typer.Option(None, "--stop", "-s", help="JSON of result key to limit (.py files only)."),
    experiment_name: str = typer.Option(
        None, "--experiment-name", "-n", help="Instead of the (only) one in FILE."
    ),
    num_samples: int = typer.Option(None, "--num-samples", help="Repeats, instead of the file's."),
    max_concurrent: int = typer.Option(
        None, "--max-concurrent", min=1, help="Trials at a time [default: no limit]."
    ),
    checkpoint_freq: int = typer.Option(None, "--checkpoint-freq", help="Iterations, instead of the file's."),
    checkpoint_at_end: bool = typer.Option(None, help="Instead of the file's."),
    storage_path: str = typer.Option(
        None, "--storage-path", help="Folder for results, instead of the file's."
    ),
    ray_address: str = ADDRESS_OPTION,
    ray_num_cpus: int = CPUS_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Train the experiments of a YAML file or a Python module; options win over the file."""
    criteria = parse_stop("--stop", parse_json_object("--stop", stop)) if stop is not None else None
    if criteria is not None and file.suffix != ".py":
        raise UserError(f"--stop: works with .py files only; write the stop of {str(file)!r} into the file.")

    experiments = read_experiments(file)
    if experiment_name is not None:
        if len(experiments) > 1:
            raise UserError(
                f"--experiment-name: {str(file)!r} has {len(experiments)} experiments with their own names."
            )
        experiments[0].name = check_folder_name("--experiment-name", experiment_name)
    if env is not None:
        experiments[0].config["env"] = env
    for experiment in experiments:
        if criteria is not None:
            experiment.stop = criteria
        if num_samples is not None:
            experiment.num_samples = num_samples
        if checkpoint_freq is not None:
            experiment.checkpoints.frequency = checkpoint_freq
        if checkpoint_at_end is not None:
            experiment.checkpoints.at_end = checkpoint_at_end
        if storage_path is not None:
            experiment.storage_path = storage_path
    _check_and_run(ctx, experiments, Cluster(ray_address, ray_num_cpus), max_concurrent)


def _refuse_options_before(ctx: typer.Context) -> None:
    """Options of `rllib train` would be lost when `file` follows them."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name != "verbose":
            raise UserError(f"{parameter.opts[0]}: options of `rllib train file` go after the word `file`.")


def _check_and_run(
    ctx: typer.Context,
    experiments: list[Experiment],
    cluster: Cluster,
    max_concurrent: int | None = None,
) -> None:
    verbosity = verbosity_of(ctx)
    with nullcontext() if verbosity else quiet_ray():
        for experiment in experiments:
            try:
                check_experiment(experiment, num_cpus=cluster.known_cpus)
            except (UserError, SettingError) as error:
                if len(experiments) == 1:
                    raise
                raise UserError(f"experiment {experiment.name!r}: {error}") from error
        cluster.check_reachable()
        typer.echo("Starting Ray …")
        outcomes = run_experiments(
            experiments, cluster=cluster, max_concurrent=max_concurrent, verbosity=verbosity
        )
    _say_what_came_of_it(outcomes)
    if outcomes.interrupted:
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    if any(trial.error for trial in outcomes.trials):
        raise typer.Exit(FAILED_EXIT_CODE)


def _say_what_came_of_it(outcomes: Outcomes) -> None:
    if outcomes.interrupted:
        typer.echo(
            "\nStopped by Ctrl-C." if outcomes.trials else "\nStopped by Ctrl-C before any trial had begun."
        )
    for trial in outcomes.trials:
        typer.echo(f"\n{trial.name}")
        typer.echo(f"  Results:    {trial.folder}")
        if trial.error:
            print_error(f"{trial.name} failed: {trial.error}")
            typer.echo(f"  Traceback:  {trial.error_file}", err=True)
        if trial.checkpoint:
            typer.echo(f"  Checkpoint: {trial.checkpoint}")
            if is_of_team(Path(trial.checkpoint)):
                typer.echo(f"  Evaluate:   rllib evaluate {shlex.quote(trial.checkpoint)} --episodes 32")
