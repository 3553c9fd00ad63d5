"""`rllib resume`: goes on with a run that was stopped, killed or failed."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import typer

from rllib_remix.cli.errors import verbosity_of
from rllib_remix.cli.options import (
    ADDRESS_OPTION,
    CPUS_OPTION,
    GPUS_OPTION,
    MEMORY_OPTION,
    NODES_OPTION,
    UI_OPTION,
)
from rllib_remix.cli.train import end
from rllib_remix.cli.train_options import VERBOSE_OPTION
from rllib_remix.errors import UserError
from rllib_remix.experiments.plan import read_plan, run_folder
from rllib_remix.experiments.user_modules import find_modules_in
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.run import run_experiments
from rllib_remix.terminal.quiet import quiet_ray


def resume(
    ctx: typer.Context,
    run: Path = typer.Argument(help="Folder of an experiment that `rllib train` began, or of a trial of it."),
    ray_address: str = ADDRESS_OPTION,
    ray_num_cpus: int = CPUS_OPTION,
    ray_num_gpus: int = GPUS_OPTION,
    ray_num_nodes: int = NODES_OPTION,
    ray_object_store_memory: int = MEMORY_OPTION,
    ray_ui: bool = UI_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Go on with a run that was stopped, killed or failed, as it was asked for.

    Every trial that has not reached its end starts from its newest checkpoint. What the folder holds is unpickled:
    resume only what you trust.
    """
    cluster = Cluster(ray_address, ray_num_cpus, ray_num_gpus, ray_num_nodes, ray_object_store_memory, ray_ui)
    cluster.check()
    folder = run_folder(run)
    verbosity = verbosity_of(ctx)
    with nullcontext() if verbosity else quiet_ray():
        find_modules_in(Path.cwd())  # before the plan is read, which may name them
        plan = read_plan(folder)
        _check_is_there(plan.folders())
        plan.loggers.check()
        find_modules_in(Path(plan.modules))
        typer.echo("Starting Ray …")
        outcomes = run_experiments(
            plan.experiments,
            cluster=cluster,
            max_concurrent=plan.max_concurrent,
            loggers=plan.loggers,
            verbosity=verbosity,
            resume=True,
            begun=plan,
        )
    end(outcomes)


def _check_is_there(folders: list[Path]) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"run: folder {str(folder)!r} of one of its experiments is not there any more.")
