"""Help of commands with many options: in panels by what they are for, each with an example."""

from __future__ import annotations

from typing import Any, NamedTuple

from typer.core import TyperCommand

from rllib_remix.cli.removed_options import GroupThatAnswers


class Panel(NamedTuple):
    """A part of the help: what its options are for, their parameters in order, and one of them as it is typed."""

    title: str
    options: tuple[str, ...]
    example: str


# By the name of the command.
_STARTS = {
    "train": "rllib train --algo ReMIX --env predator_prey",
    "file": "rllib train file experiment.yaml",
}
PANELS = (
    Panel(
        "What is trained, and until when",
        ("algo", "only", "env", "env_config", "config", "stop", "assignments", "preset", "framework"),
        "--set config.lr=1e-3",
    ),
    Panel(
        "Results and checkpoints",
        (
            *("experiment_name", "storage_path", "checkpoint_freq", "checkpoint_at_end", "keep_checkpoints_num"),
            *("checkpoint_score_attr", "resume", "restore", "max_failures"),
        ),
        "--checkpoint-freq 20",
    ),
    Panel(
        "Repeats and searches",
        ("num_samples", "max_concurrent", "scheduler", "scheduler_config", "search", "search_config"),
        "--num-samples 4",
    ),
    Panel(
        "Ray, here or on a cluster",
        (
            *("resources_per_trial", "ray_address", "ray_num_cpus", "ray_num_gpus", "ray_num_nodes"),
            *("ray_object_store_memory", "ray_ui", "submit", "runtime_env", "no_wait"),
        ),
        "--ray-num-cpus 4",
    ),
    Panel(
        "Loggers beside Tune's own",
        (
            *("wandb_key", "wandb_project", "wandb_run_name"),
            *("mlflow_tracking_uri", "mlflow_experiment"),
        ),
        "--wandb-project teams",
    ),
    Panel("Messages", ("verbose", "log_debug", "help"), "-v"),
)  # fmt: skip


def write_panels(command: Any, ctx: Any, formatter: Any) -> None:
    """Writes the arguments and options of a command, each option in its panel."""
    records: dict[str, tuple[str, str]] = {}
    arguments = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record and parameter.param_type_name == "argument":
            arguments.append(record)
        elif record:
            records[parameter.name] = record
    if arguments:
        with formatter.section("Arguments"):
            formatter.write_dl(arguments)
    for panel in PANELS:
        shown = [records.pop(name) for name in panel.options if name in records]
        if shown:
            with formatter.section(panel.title):
                formatter.write_dl(shown)
                formatter.write_paragraph()
                formatter.write(f"  Example: {_STARTS[command.name]} {panel.example}\n")
    if records:
        with formatter.section("Other options"):
            formatter.write_dl(list(records.values()))


class GroupInPanels(GroupThatAnswers):
    """`rllib train`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes options in panels, then the commands."""
        write_panels(self, ctx, formatter)
        self.format_commands(ctx, formatter)


class CommandInPanels(TyperCommand):
    """`rllib train file`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes options in panels."""
        write_panels(self, ctx, formatter)
