"""Draws the runs in folders: what `rllib plot` does, for Python."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rllib_remix.errors import unknown
from rllib_remix.files.text_files import local_path
from rllib_remix.reporting.curves import METRICS, draw_curves
from rllib_remix.reporting.heat_maps import draw_weights
from rllib_remix.reporting.runs import Trial, read_runs


class Picture(NamedTuple):
    """A picture of runs that was written."""

    file: Path
    trials: int  # that the folders hold
    drawn: int  # of them, those that report what is drawn


def plot(
    folders: Path | str | Iterable[Path | str],
    out: Path | str = "curve.png",
    *,
    metric: str = "greedy",
    title: str | None = None,
    best: float | None = None,
) -> Picture:
    """Draws learning curves: one colour per algorithm and settings, a band over seeds.

    Args:
        folders: of experiments or trials; one or several.
        out: the picture to write: .png, .pdf or .svg.
        metric: "greedy" or "training" return, or "wins", the share of greedy episodes won.
        title: above the picture; None takes the environment's name.
        best: best possible return, drawn as a dashed line; None draws none.

    Raises:
        UserError: there is no such folder, no trial reports the metric, or the picture cannot be written.
        SettingError: there is no such metric.
    """
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    trials = _read(folders)
    file = local_path("--out", str(out))
    drawn = draw_curves(trials, file, metric=metric, title=title, best=best)
    return Picture(file, len(trials), len(drawn))


def plot_weights(
    folders: Path | str | Iterable[Path | str],
    out: Path | str = "weights.png",
    *,
    title: str | None = None,
) -> Picture:
    """Draws heat maps of loss weights: how likely each was over environment steps, one panel per trial.

    Args:
        folders: of experiments or trials, one or several; trials without weight histograms are left out.
        out: the picture to write: .png, .pdf or .svg.
        title: above the picture; None takes the environment's name.

    Raises:
        UserError: there is no such folder, no trial reports histograms, or the picture cannot be written.
    """
    trials = _read(folders)
    file = local_path("--out", str(out))
    drawn = draw_weights(trials, file, title=title)
    return Picture(file, len(trials), len(drawn))


def _read(folders: Path | str | Iterable[Path | str]) -> list[Trial]:
    several = [folders] if isinstance(folders, Path | str) else folders
    return read_runs(local_path("run", str(folder)) for folder in several)
