"""`rllib plot`: pictures of finished runs."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import typer

from rllib_remix.cli.options import VERBOSE_OPTION
from rllib_remix.errors import UserError
from rllib_remix.files.text_files import local_path

app = typer.Typer(no_args_is_help=True, help="Draw finished runs.", rich_markup_mode=None)

# What every kind of picture takes.
_RUNS = typer.Argument(help="Experiment or trial folders.")
_OUT_HELP = "The picture to write (.png, .pdf or .svg)."
_TITLE = typer.Option(None, "--title", help="Title [default: the environment].")


class Metric(str, Enum):
    """What a learning curve shows."""

    greedy = "greedy"
    training = "training"
    wins = "wins"


@app.callback()
def plot() -> None:
    """Draw finished runs."""


@app.command(short_help="Draw learning curves.")
def curves(
    runs: list[Path] = _RUNS,
    out: Path = typer.Option(Path("curve.png"), "--out", "-o", help=_OUT_HELP),
    metric: Metric = typer.Option(
        Metric.greedy, "--metric", help="Return of greedy evaluation or of training, or share of battles won."
    ),
    title: str = _TITLE,
    best: float = typer.Option(None, "--best", help="Best possible return, drawn as a dashed line."),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Draw learning curves: return or wins against environment steps, one colour per algorithm, a band over seeds."""
    from rllib_remix.reporting.curves import draw_curves
    from rllib_remix.reporting.result_file import RunError
    from rllib_remix.reporting.runs import read_runs

    try:
        trials = read_runs(local_path("run", str(run)) for run in runs)
        draw_curves(trials, local_path("--out", str(out)), metric=metric.value, title=title, best=best)
    except RunError as error:
        raise UserError(str(error)) from error
    typer.echo(f"Learning curves of {len(trials)} trial{'s' if len(trials) != 1 else ''}: {out}")


@app.command(short_help="Draw heat maps of loss weights.")
def weights(
    runs: list[Path] = _RUNS,
    out: Path = typer.Option(Path("weights.png"), "--out", "-o", help=_OUT_HELP),
    title: str = _TITLE,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Draw heat maps of loss weights: how likely each was over environment steps, one panel per trial."""
    from rllib_remix.reporting.heat_maps import draw_weights, with_weights
    from rllib_remix.reporting.result_file import RunError
    from rllib_remix.reporting.runs import read_runs

    try:
        trials = read_runs(local_path("run", str(run)) for run in runs)
        draw_weights(trials, local_path("--out", str(out)), title=title)
    except RunError as error:
        raise UserError(str(error)) from error
    shown = len(with_weights(trials))
    typer.echo(f"Loss weights of {shown} trial{'s' if shown != 1 else ''}: {out}")
    if shown < len(trials):
        typer.echo(f"Left out, without weight histograms: {len(trials) - shown} of {len(trials)} trials")
