"""A study's figure: a panel for each task, a line for each algorithm, readable in print and without colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.ticker
import numpy as np

from rllib_remix.reporting.curves import COLOURS
from rllib_remix.reporting.pictures import new_figure, plain, save
from rllib_remix.reporting.statistics import bootstrap_interval, common_steps, interquartile_mean
from rllib_remix.studies.raw import Run
from rllib_remix.studies.study import METRICS, Study

_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)), (0, (3, 1, 1, 1)))
_MOST_COLUMNS, _WIDTH, _HEIGHT = 2, 5.2, 3.8
_POINTS, _RESAMPLES = 60, 400
_ROOM = 0.3  # of the width of the curves, for names
_NEAREST = 0.048  # of the height of a panel, between two names


def draw(study: Study, runs: Sequence[Run], files: Sequence[Path]) -> None:
    """Writes the figure to all files, whose endings say the formats.

    Lines are interquartile means over seeds, bands their 95 % stratified bootstrap intervals, at equally spaced steps that
    all seeds have reached. Names stand at the lines' ends.

    Raises:
        RunError: a file cannot be written.
    """
    shown = [panel for panel in study.panels if any(run.panel == panel for run in runs)]
    columns = min(_MOST_COLUMNS, max(1, len(shown)))
    rows = -(-max(1, len(shown)) // columns)
    figure = new_figure(_WIDTH * columns, _HEIGHT * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes, panel in zip(grid, shown, strict=False):
        draw_panel(axes, study, panel, [run for run in runs if run.panel == panel])
    figure.supxlabel("Environment steps", fontsize=9)
    figure.supylabel(f"{METRICS[study.metric].capitalize()}; band: 95 % interval of the IQM", fontsize=9)
    for file in files:
        save(figure, file)


def draw_panel(axes: Any, study: Study, panel: str, runs: Sequence[Run]) -> None:
    """Draws the runs of one panel."""
    ends: list[tuple[float, float, str, str]] = []
    for index, algorithm in enumerate(study.algorithms):
        curves = [(run.steps, run.values) for run in runs if run.algorithm == algorithm]
        if not curves:
            continue
        colour = COLOURS[index % len(COLOURS)]
        steps, middle, low, high = _curve(curves)
        if not np.isnan(low).all():
            axes.fill_between(steps, low, high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(steps, middle, color=colour, linestyle=_DASHES[index % len(_DASHES)], linewidth=1.6)
        ends.append((float(steps[-1]), float(middle[-1]), f"{algorithm} ({len(curves)})", colour))
    task = study.panels[panel]
    for level, name, style in ((task.best, "best possible", "--"), (task.random, "random play", ":")):
        if level is not None:
            axes.axhline(level, color="0.5", linestyle=style, linewidth=0.8)
            axes.annotate(
                name, (0.01, level), xycoords=("axes fraction", "data"), fontsize=6, color="0.4", va="bottom"
            )
    if task.lowest is not None and axes.get_ylim()[0] < task.lowest:
        axes.set_ylim(bottom=task.lowest)
        _note(axes, f"values below {task.lowest:g}\nare not shown")
    axes.set_title(plain(panel), fontsize=10)
    axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep=""))
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if ends:
        end = max(end[0] for end in ends)
        axes.set_xlim(0, end)
        ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= end]
        axes.set_xlim(0, (1 + _ROOM) * end)
        axes.set_xticks(ticks)
        _label_ends(axes, ends)


def _note(axes: Any, text: str) -> None:
    """Where neither lines nor names are."""
    axes.annotate(
        text, (0.99, 0.02), xycoords="axes fraction", fontsize=6, color="0.4", ha="right", va="bottom"
    )


def _curve(
    curves: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps, interquartile mean, and low and high of its interval: [_POINTS] each."""
    try:
        steps = common_steps(curves, _POINTS)
    except ValueError:  # runs that share no steps have no mean: the longest stands alone
        curves = [max(curves, key=lambda curve: curve[0][-1])]
        steps = common_steps(curves, _POINTS)
    values = np.stack([np.interp(steps, *curve) for curve in curves])  # [seeds, points]
    middle = np.array([interquartile_mean(column) for column in values.T])
    limits = np.array(
        [bootstrap_interval([column], interquartile_mean, resamples=_RESAMPLES) for column in values.T]
    )
    return steps, middle, limits[:, 0], limits[:, 1]


def _label_ends(axes: Any, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Names at the lines' ends, moved apart where they would meet."""
    low, high = axes.get_ylim()
    ordered = sorted(ends, key=lambda end: end[1])
    places = apart([end[1] for end in ordered], _NEAREST * (high - low), low, high)
    for (x, y, name, colour), place in zip(ordered, places, strict=True):
        axes.annotate(
            plain(name),
            (x, y),
            xytext=(x + 0.04 * axes.get_xlim()[1], place),
            fontsize=6.5,
            color=colour,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),
                "color": colour,
                "linewidth": 0.5,
                "alpha": 0.6,
            },
        )


def apart(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Ascending heights moved until neighbours are `gap` apart, within low and high as long as there is room."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + gap) if places else max(height, low))
    ceiling = max(high, low + gap * (len(places) - 1))
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return places
