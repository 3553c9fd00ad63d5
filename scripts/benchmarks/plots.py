"""The figures as pictures: bars beside their floors and references, and the sweeps as curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.figure
import matplotlib.lines
import matplotlib.patches
from matplotlib.backends.backend_agg import FigureCanvasAgg

from benchmarks.figures import Figure, significant

AXES = {"replay episodes": "episodes in the replay buffer (adding and drawing alone)"}
# Okabe and Ito's colours, told apart by colour-blind readers too.
MEASURED, FLOOR = "#0072B2", "#E69F00"


def draw_figures(figures: Sequence[Figure], out: Path, title: str) -> None:
    """Of figures with a floor or a reference: a panel per unit, bars of medians with the range, and the marks."""
    shown = beside_others(figures)
    units = list(dict.fromkeys(figure.unit for figure in shown))
    heights = [sum(figure.unit == unit for figure in shown) for unit in units]
    picture = _picture(10, 1.3 + sum(0.33 * height + 0.75 for height in heights))
    panels = picture.subplots(len(units), 1, squeeze=False, height_ratios=[height + 1 for height in heights])
    for axes, unit in zip(panels[:, 0], units, strict=True):
        _draw_bars(axes, [figure for figure in shown if figure.unit == unit])
    handles = [
        matplotlib.patches.Patch(color=MEASURED, label="measured: median, least to largest"),
        matplotlib.lines.Line2D([], [], color=FLOOR, marker="D", linestyle="", label="floor, same run"),
        matplotlib.lines.Line2D(
            [], [], color="black", marker="|", markersize=11, markeredgewidth=2, linestyle="",
            label="reference: the MAC-PO authors' code, another machine",
        ),
    ]  # fmt: skip
    picture.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    picture.suptitle(title, fontsize=9)
    picture.savefig(out)


def beside_others(figures: Sequence[Figure]) -> list[Figure]:
    """Those that have a floor or a reference."""
    return [figure for figure in figures if figure.floor is not None or figure.reference is not None]


def _draw_bars(axes: Any, figures: Sequence[Figure]) -> None:
    numbers = [number for figure in figures for number in _numbers(figure)]
    on_log = figures[0].more_is_better  # Rates differ from the reference by orders of magnitude.
    for position, figure in enumerate(figures):
        low, high = figure.median - min(figure.values), max(figure.values) - figure.median
        axes.barh(position, figure.median, height=0.62, color=MEASURED, alpha=0.85)
        axes.errorbar(figure.median, position, xerr=[[low], [high]], color="black", linewidth=1, capsize=2)
        if figure.floor is not None:
            axes.plot(figure.floor, position, marker="D", color=FLOOR, markersize=6, markeredgecolor="white")
        if figure.reference is not None:
            axes.plot(figure.reference, position, marker="|", color="black", markersize=15, markeredgewidth=2)
        text = significant(figure.median)
        if figure.of_floor is not None:
            text += f"   ({significant(figure.of_floor)} × floor)"
        # Behind everything else in the row, where it hides nothing.
        axes.annotate(
            text,
            (max(_numbers(figure)), position),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    better = "more is better" if figures[0].more_is_better else "less is better"
    axes.set_title(f"{figures[0].unit} ({better}{', logarithmic' if on_log else ''})", fontsize=9, loc="left")
    axes.set_yticks(range(len(figures)), [figure.name for figure in figures], fontsize=8)
    axes.set_ylim(len(figures) - 0.4, -0.6)
    if on_log:
        axes.set_xscale("log")
        axes.set_xlim(min(numbers) / 2, max(numbers) * 8)
    else:
        axes.set_xlim(0, max(numbers) * 1.28)
    _plain(axes)


def _numbers(figure: Figure) -> list[float]:
    return [*figure.values, *(number for number in (figure.floor, figure.reference) if number is not None)]


def draw_sweeps(figures: Sequence[Figure], out: Path, title: str) -> None:
    """One panel per axis that was varied: cost of an env step, median and range."""
    sweeps: dict[str, list[Figure]] = {}
    for figure in figures:
        if figure.sweep is not None:
            sweeps.setdefault(figure.sweep[0], []).append(figure)
    picture = _picture(10, 1 + 3.1 * ((len(sweeps) + 1) // 2))
    panels = picture.subplots((len(sweeps) + 1) // 2, 2, squeeze=False).flat
    for axes, (axis, points) in zip(panels, sweeps.items(), strict=False):
        positions = range(len(points))
        medians = [point.median for point in points]
        ranges = [
            [point.median - min(point.values) for point in points],
            [max(point.values) - point.median for point in points],
        ]
        axes.errorbar(positions, medians, yerr=ranges, color=MEASURED, marker="o", capsize=3)
        for position, median in zip(positions, medians, strict=True):
            axes.annotate(
                significant(median),
                (position, median),
                xytext=(7, -12),
                textcoords="offset points",
                fontsize=8,
            )
        labels = [f"{point.sweep[1]:,.0f}" + "*" * ("steps" in point.note) for point in points if point.sweep]
        axes.set_xticks(positions, labels)
        axes.set_xlim(-0.3, len(points) - 0.5)
        axes.set_ylim(0, max(max(point.values) for point in points) * 1.2)
        axes.set_xlabel(AXES.get(axis, axis), fontsize=9)
        axes.set_ylabel(points[0].unit, fontsize=8)
        starred = [point.note for point in points if "steps" in point.note]
        if starred:
            axes.set_title(f"* {starred[0]}", fontsize=8, loc="right")
        _plain(axes)
    for axes in list(panels):
        axes.set_visible(False)
    picture.suptitle(title, fontsize=9)
    picture.savefig(out)


def _picture(width: float, height: float) -> Any:
    picture = matplotlib.figure.Figure(figsize=(width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(picture)
    return picture


def _plain(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
