"""`rllib reproduce`: the papers' figures and studies of our own, to be listed, run and reported."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from rllib_remix.cli.errors import verbosity_of
from rllib_remix.cli.options import ADDRESS_OPTION, CPUS_OPTION, GPUS_OPTION, MEMORY_OPTION, VERBOSE_OPTION
from rllib_remix.cli.train_options import MAX_CONCURRENT_OPTION
from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import MAX_COUNT
from rllib_remix.studies.cells import MAX_SEEDS, budget_of, cells_of
from rllib_remix.studies.own import OWN, own_study
from rllib_remix.studies.study import Study, find_study, study_names

app = typer.Typer(
    no_args_is_help=True, help="Run the papers' figures, and other comparisons.", rich_markup_mode=None
)

_WIDTH = 80
_STUDY = typer.Argument(
    help="As `rllib reproduce list` shows it, or a .yaml file of your own.", metavar="STUDY"
)
_BUDGET = typer.Option("small", "--budget", "-b", help="small, or paper: what the paper ran.")
_SEEDS = typer.Option(None, "--seeds", min=1, max=MAX_SEEDS, help="How many, instead of the budget's.")
_ONLY = typer.Option(
    [], "--only", help="A panel or an algorithm, to run it alone; can be given several times."
)
_OF_ALL = ("name", "storage_path", "out", "verbose")  # what studies that are no runs of Tune have too
_RAW = typer.Option(
    [],
    "--raw",
    help="Raw results (.json) of a report, of this study or another; runs with the same settings count.",
)
_STORAGE = typer.Option(Path("~/ray_results/reproduce"), "--storage-path", help="Folder of the runs.")


@app.callback()
def reproduce() -> None:
    """Run the papers' figures, and other comparisons."""


@app.command(
    "list", short_help="List the studies, and what each costs.", epilog="Example: rllib reproduce list"
)
def list_studies(verbose: int = VERBOSE_OPTION) -> None:
    """List the studies: what each asks, and how many runs and core-hours each of its budgets is."""
    for name in OWN:
        study: Any = own_study(name)
        _say(name, study.TITLE, study.SOURCE, study.CLAIM, [study.COST])
    for name in study_names():
        study = find_study(name)
        costs = [f"{budget}: {_cost(study, budget)}" for budget in study.budgets]
        _say(name, study.title, study.source, study.claim, costs)


@app.command(
    short_help="Train what is missing of a study.",
    epilog="Example: rllib reproduce run remix_figure_1 --seeds 1",
)
def run(
    ctx: typer.Context,
    name: str = _STUDY,
    budget: str = _BUDGET,
    seeds: int = _SEEDS,
    only: list[str] = _ONLY,
    storage_path: Path = _STORAGE,
    raw: list[Path] = _RAW,
    max_concurrent: int = MAX_CONCURRENT_OPTION,
    checkpoint_freq: int = typer.Option(
        0,
        "--checkpoint-freq",
        min=0,
        max=MAX_COUNT,
        help="Iterations between checkpoints of a run; 0 is none.",
    ),
    ray_address: str = ADDRESS_OPTION,
    ray_num_cpus: int = CPUS_OPTION,
    ray_num_gpus: int = GPUS_OPTION,
    ray_object_store_memory: int = MEMORY_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Train what is missing of a study.

    Finished runs are kept, an interrupted sweep goes on, and runs whose settings have changed since begin anew. A run that was
    interrupted itself goes on from its newest checkpoint, or begins again if there is none: with the replay buffer one may
    take a GB. Folders of runs are unpickled to go on with: give only those that you trust.
    """
    from rllib_remix.cli.train import end
    from rllib_remix.running.cluster import Cluster
    from rllib_remix.studies.raw import brought_runs
    from rllib_remix.studies.running import run_study
    from rllib_remix.studies.store import storage_of
    from rllib_remix.terminal.lines import print_note

    if (own := own_study(name)) is not None:
        _refuse(ctx, name, *(option for option in ctx.params if option not in _OF_ALL))
        own.run(storage_of(storage_path, name, ""), typer.echo)
        return
    study = find_study(name)
    cells = cells_of(study, budget, seeds=seeds, only=only)
    brought = brought_runs(raw, study, budget, print_note)
    if study.weights and brought:
        print_note("Runs of --raw are not trained again, and no heat maps of their weights will be drawn.")
    storage = storage_of(storage_path, study.name, budget)
    cluster = Cluster(ray_address, ray_num_cpus, ray_num_gpus, None, ray_object_store_memory, False)
    ended = run_study(
        study,
        budget,
        cells,
        storage,
        brought=brought,
        cluster=cluster,
        max_concurrent=max_concurrent,
        checkpoint_freq=checkpoint_freq,
        verbosity=verbosity_of(ctx),
    )
    for outcomes in ended:
        end(outcomes)
    given = f" --budget {budget}" if budget != "small" else ""
    given += "".join(f" --raw {shlex.quote(str(file))}" for file in raw)
    typer.echo(f"\nDraw it with: rllib reproduce report {shlex.quote(name)}{given} --out FOLDER")


@app.command(
    short_help="Draw what a study has come to.",
    epilog="Example: rllib reproduce report remix_figure_1 --out figures",
)
def report(
    ctx: typer.Context,
    name: str = _STUDY,
    budget: str = _BUDGET,
    seeds: int = typer.Option(
        None, "--seeds", min=1, max=MAX_SEEDS, help="How many [default: all that were run]."
    ),
    storage_path: Path = _STORAGE,
    raw: list[Path] = _RAW,
    out: Path = typer.Option(Path("."), "--out", "-o", help="Folder for figure, tables and raw results."),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Write a study's figure (.png, .svg), tables (.md, .csv), raw results (.json) and marl-eval's layout.

    Runs that are not finished are in the figure, but not in the tables.
    """
    from rllib_remix.studies.raw import brought_runs, collected
    from rllib_remix.studies.report import write_report
    from rllib_remix.studies.store import seeds_begun, storage_of, trial_of
    from rllib_remix.terminal.lines import print_note

    if (own := own_study(name)) is not None:
        _refuse(ctx, name, *(option for option in ctx.params if option not in _OF_ALL))
        files = own.report(storage_of(storage_path, name, ""), out)
        typer.echo(files[0].read_text(encoding="utf-8"))
        typer.echo(f"Written: {files[0]}")
        return
    study, trials = find_study(name), []
    storage = storage_of(storage_path, study.name, budget)
    brought = brought_runs(raw, study, budget, print_note)
    most = max([seeds_begun(study, budget, storage), *(1 + run.seed for run in brought)])
    cells = cells_of(study, budget, seeds=seeds or most)
    runs = collected(study, cells, storage, brought)
    if study.weights:
        found = {cell.identity: trial for cell in cells if (trial := trial_of(cell, storage)) is not None}
        trials = list(found.values())
        if missing := sum(run.identity not in found for run in runs):
            print_note(
                f"No heat maps of {missing} runs: they are drawn from folders of runs, and --raw has none."
            )
    written = write_report(study, budget, runs, out, trials)
    typer.echo(f"{written.table}\n\nWritten: {', '.join(map(str, written.files))}")


def _say(name: str, title: str, source: str, claim: str, costs: Sequence[str]) -> None:
    typer.echo(f"{name}: {title}")
    for text in (source, claim, *costs):
        typer.echo(textwrap.fill(text, _WIDTH, initial_indent="    ", subsequent_indent="    "))


def _refuse(ctx: typer.Context, name: str, *options: str) -> None:
    """Raises UserError for an option that such a study does not have."""
    for option in options:
        source = ctx.get_parameter_source(option)
        if source is not None and source.name == "COMMANDLINE":
            raise UserError(f"--{option.replace('_', '-')}: the study {name} has none; leave it out.")


def _cost(study: Study, budget: str) -> str:
    chosen = budget_of(study, budget)
    runs = len(cells_of(study, budget))
    told = f"{runs} runs ({chosen.seeds} seeds) of {chosen.env_steps:,} env steps"
    if chosen.minutes is None:
        return f"{told}; not measured"
    return f"{told}, some {runs * chosen.minutes / 60:.0f} core-hours"
