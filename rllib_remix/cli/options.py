"""Options that several commands have, and those that are many: of Ray, of loggers and of jobs."""

from __future__ import annotations

import typer

from rllib_remix.cli.errors import remember_verbosity

# Of every command that has no other use for -v.
VERBOSE_OPTION = typer.Option(
    0,
    "--verbose",
    "-v",
    count=True,
    callback=remember_verbosity,
    show_default=False,
    help="-vv shows tracebacks of errors.",
)

ADDRESS_OPTION = typer.Option(
    None, "--ray-address", "--address", help="A running Ray cluster [default: start Ray here]."
)
CPUS_OPTION = typer.Option(
    None,
    "--ray-num-cpus",
    min=1,
    max=100_000,
    help="CPUs that Ray may share out (of each node) [default: all].",
)
GPUS_OPTION = typer.Option(None, "--ray-num-gpus", min=0, max=100_000, help="GPUs, likewise [default: all].")
NODES_OPTION = typer.Option(
    None,
    "--ray-num-nodes",
    min=1,
    max=1_000,
    help="Emulate a cluster of so many nodes on this machine, with 1 CPU each.",
)
MEMORY_OPTION = typer.Option(
    None, "--ray-object-store-memory", help="Bytes of its object store (of each node)."
)
UI_OPTION = typer.Option(False, "--ray-ui", help="Start Ray's dashboard and say its address.")


WANDB_KEY_OPTION = typer.Option(
    None, "--wandb-key", help="Log to Weights & Biases with this key [default: its own WANDB_API_KEY, login]."
)
WANDB_PROJECT_OPTION = typer.Option(None, "--wandb-project", help="Weights & Biases project.")
WANDB_RUN_NAME_OPTION = typer.Option(None, "--wandb-run-name", help="Name of the run there.")
MLFLOW_URI_OPTION = typer.Option(
    None, "--mlflow-tracking-uri", help="Log to MLflow: http://… of its server, or sqlite:///FILE."
)
MLFLOW_EXPERIMENT_OPTION = typer.Option(None, "--mlflow-experiment", help="MLflow experiment.")
SUBMIT_OPTION = typer.Option(False, "--submit", help="Run on the cluster at --address, as a Ray job.")
RUNTIME_ENV_OPTION = typer.Option(
    None, "--runtime-env", help="JSON, or a .json or .yaml FILE: more for the job's environment."
)
NO_WAIT_OPTION = typer.Option(False, "--no-wait", help="With --submit: return once the job is submitted.")
