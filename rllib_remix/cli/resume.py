"""`rllib resume`: goes on with a run that was stopped, killed or failed."""

from __future__ import annotations

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
    from rllib_remix.running import starting
    from rllib_remix.running.cluster import Cluster

    cluster = Cluster(ray_address, ray_num_cpus, ray_num_gpus, ray_num_nodes, ray_object_store_memory, ray_ui)
    end(starting.resume(run, cluster=cluster, verbosity=verbosity_of(ctx)))
