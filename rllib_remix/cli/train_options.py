"""Options that `rllib train` and `rllib train file` have in common, and no other command."""

from __future__ import annotations

import typer

from rllib_remix.cli.errors import remember_verbosity
from rllib_remix.experiments.experiment import MAX_COUNT, MAX_FAILURES
from rllib_remix.experiments.search.points import MAX_TRIALS

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
SET_OPTION = typer.Option(
    [],
    "--set",
    help="One value by its path: config.lr=1e-3, stop.training_iteration=10; can be given several times.",
)
PRESET_OPTION = typer.Option(None, "--preset", help="The same as --set config.preset=NAME: papers.")
