"""Learning curves of finished runs as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.colors
import matplotlib.ticker
import numpy as np

from rllib_remix.reporting.pictures import check_suffix, heading, new_figure, plain, save
from rllib_remix.reporting.result_file import RunError
from rllib_remix.reporting.runs import Trial, name_of
from rllib_remix.reporting.statistics import band

METRICS = {
    "greedy": "Greedy episode return (mean of evaluation episodes)",
    "training": "Training episode return (mean, with exploration)",
    "wins": "Share of evaluation episodes won (greedy)",
}
MOST_GROUPS = 60  # a legend of more is taller than the picture
# Okabe and Ito's colours, told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def draw_curves(
    trials: Sequence[Trial],
    out: Path,
    *,
    metric: str = "greedy",
    title: str | None = None,
    best: float | None = None,
) -> list[Trial]:
    """Writes a picture of return against environment steps.

    Trials that differ in their seed alone share a colour: thin lines are single trials, the thick one their mean,
    the band reaches from the least to the greatest.

    Args:
        trials: what to draw.
        out: file to write; its ending says the format.
        metric: "greedy" or "training" return, or "wins", the share of greedy episodes won.
        title: above the picture; None takes the environment's name.
        best: best possible return, drawn as a dashed line; None draws none.

    Returns:
        The trials that report the metric, which are drawn.

    Raises:
        RunError: if no trial reports the metric, or the file cannot be written.
    """
    check_suffix(out)
    drawn = [trial for trial in trials if len(trial.curve(metric)[0])]
    if not drawn:
        raise RunError(_nothing_to_draw(trials, metric))
    groups = group(drawn)
    if len(groups) > MOST_GROUPS:
        raise RunError(
            f"nothing is drawn: these runs have {len(groups)} different settings, seeds aside; allowed: up to "
            f"{MOST_GROUPS} in one picture."
        )
    figure = new_figure(7.5, 4.5)
    axes = figure.add_subplot()
    for index, (label, members) in enumerate(groups.items()):
        _draw_group(
            axes, plain(label), [trial.curve(metric) for trial in members], COLOURS[index % len(COLOURS)]
        )
    if best is not None:
        axes.axhline(best, color="0.4", linestyle="--", linewidth=1, label=f"best possible ({best:g})")
    axes.set_title(heading(drawn) if title is None else title)
    axes.set_xlabel("Environment steps")
    axes.set_ylabel(METRICS[metric])
    axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep=""))
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(framealpha=0.9, edgecolor="none")
    save(figure, out)
    return drawn


def group(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Trials that differ in their seed alone, by a label that says what sets each group apart."""
    several_envs = len({trial.environment for trial in trials}) > 1
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        peers = [
            peer
            for peer in trials
            if (peer.algorithm, peer.environment) == (trial.algorithm, trial.environment)
        ]
        varied = [
            f"{name_of(key.split('/')[-1])}={name_of(trial.settings.get(key))}"
            for key in _varied_settings(peers)
        ]
        where = f" on {trial.environment}" if several_envs else ""
        groups.setdefault(", ".join([trial.algorithm + where, *varied]), []).append(trial)
    return groups


def _varied_settings(trials: Sequence[Trial]) -> list[str]:
    keys = sorted({key for trial in trials for key in trial.settings if key != "seed"})
    return [key for key in keys if len({repr(trial.settings.get(key)) for trial in trials}) > 1]


def _draw_group(axes: Any, label: str, curves: list[tuple[np.ndarray, np.ndarray]], colour: str) -> None:
    count = f"{len(curves)} seed{'s' if len(curves) > 1 else ''}"
    if len(curves) == 1:
        axes.plot(*curves[0], color=colour, linewidth=2, label=f"{label} ({count})")
        return
    for steps, values in curves:
        axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.45)
    try:
        summary = band(curves)
    except ValueError:  # runs that share no steps have no mean
        axes.plot([], [], color=colour, linewidth=2, label=f"{label} ({count})")
        return
    axes.fill_between(summary.steps, summary.low, summary.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        summary.steps, summary.mean, color=colour, linewidth=2, label=f"{label} ({count}: mean, min–max)"
    )


def _nothing_to_draw(trials: Sequence[Trial], metric: str) -> str:
    others = [name for name in METRICS if any(len(trial.curve(name)[0]) for trial in trials)]
    what = {"greedy": "a greedy return", "training": "a training return", "wins": "won battles"}
    hint = f"; they report {what[others[0]]}: use --metric {others[0]}" if others else ""
    if metric != "training":
        hint += " (greedy episodes need evaluation_interval in the config)"
    return f"nothing to plot: none of {len(trials)} trials reports {what[metric]}{hint}."
