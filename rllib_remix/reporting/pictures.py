"""What every picture of runs shares: its file, its canvas and its heading."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rllib_remix.reporting.runs import RunError, Trial

SUFFIXES = (".png", ".pdf", ".svg")


def check_suffix(out: Path) -> None:
    """Makes sure that the ending of `out` says a format.

    Raises:
        RunError: if it does not.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise RunError(f"--out: {str(out)!r} must end in {', '.join(SUFFIXES)}.")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` by `height` inches that needs no display."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def heading(trials: Iterable[Trial]) -> str:
    """The names of the trials' environments."""
    return ", ".join(sorted({trial.environment for trial in trials}))


def save(figure: Figure, out: Path) -> None:
    """Writes the figure.

    Raises:
        RunError: if the file cannot be written.
    """
    try:
        figure.savefig(out)
    except OSError as error:
        raise RunError(f"--out: cannot write {str(out)!r}: {error.strerror}.") from error
