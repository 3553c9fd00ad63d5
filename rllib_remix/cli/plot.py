"""`rllib plot`: pictures of finished runs."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import typer

from rllib_remix import reporting
from rllib_remix.cli.options import VERBOSE_OPTION

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


@app.command(
    short_help="Draw learning curves.",
    epilog="Example: rllib plot curves ~/ray_results/default --out curves.png",
)
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
    picture = reporting.plot(runs, out, metric=metric.value, title=title, best=best)
    typer.echo(f"Learning curves of {_trials(picture.trials)}: {out}")


@app.command(
    short_help="Draw heat maps of loss weights.",
    epilog="Example: rllib plot weights ~/ray_results/default --out weights.png",
)
def weights(
    runs: list[Path] = _RUNS,
    out: Path = typer.Option(Path("weights.png"), "--out", "-o", help=_OUT_HELP),
    title: str = _TITLE,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Draw heat maps of loss weights: how likely each was over environment steps, one panel per trial."""
    picture = reporting.plot_weights(runs, out, title=title)
    typer.echo(f"Loss weights of {_trials(picture.drawn)}: {out}")
    left_out = picture.trials - picture.drawn
    if left_out:
        typer.echo(f"Left out, without weight histograms: {left_out} of {picture.trials} trials")


def _trials(count: int) -> str:
    return f"{count} trial{'s' if count != 1 else ''}"
