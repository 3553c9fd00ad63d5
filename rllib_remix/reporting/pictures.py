"""What every picture of runs shares: its file, its canvas and its heading."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rllib_remix.errors import shown
from rllib_remix.files.durable import write_whole
from rllib_remix.reporting.result_file import RunError
from rllib_remix.reporting.runs import Trial

SUFFIXES = (".png", ".pdf", ".svg")
MOST_NAMES = 4  # of environments in a heading


def check_suffix(out: Path) -> None:
    """Makes sure that the ending of `out` says a format.

    Raises:
        RunError: if it does not.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise RunError(f"--out: {shown(str(out))} must end in {', '.join(SUFFIXES)}.")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` by `height` inches that needs no display."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def heading(trials: Iterable[Trial]) -> str:
    """The names of the trials' environments."""
    names = sorted({trial.environment for trial in trials})
    others = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return plain(", ".join(names[:MOST_NAMES]) + others)


def plain(text: str) -> str:
    """A text that Matplotlib draws as it stands: no formulas, and no label that a legend would leave out."""
    escaped = text.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def save(figure: Figure, out: Path) -> None:
    """Writes the figure, whole or not at all.

    Raises:
        RunError: if it cannot be drawn, or the file cannot be written.
    """
    picture = io.BytesIO()
    try:
        figure.savefig(picture, format=out.suffix.lower().removeprefix("."))
    except (
        ValueError,
        OverflowError,
        MemoryError,
    ) as error:  # A title that is no formula, a picture beyond all sizes.
        first = str(error).strip().partition("\n")[0]
        raise RunError(f"--title or runs: the picture cannot be drawn ({first}).") from error
    try:
        write_whole(out, picture.getvalue())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise RunError(f"--out: cannot write {shown(str(out))}: {why}.") from error
