"""Heat maps of the loss weights of finished runs, as figure 3 of the ReMIX paper shows them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from rllib_remix.reporting.curves import group
from rllib_remix.reporting.pictures import check_suffix, heading, new_figure, plain, save
from rllib_remix.reporting.result_file import RunError
from rllib_remix.reporting.runs import Trial

PANELS_PER_ROW = 4
MOST_PANELS = 100
PANEL_INCHES = (2.5, 2.9)  # width and height of one of several panels
SINGLE_PANEL_INCHES = (4.6, 3.4)
TICK_INCHES = 0.4  # room for a tick's label
TITLE_CHARACTERS_PER_INCH = 13
SCALE = Normalize(-10, 0)  # of log probabilities; below it is black, as what has no probability at all
COLOURS = matplotlib.colormaps["inferno"].with_extremes(bad="black", under="black")
# The column of weights beyond the bins and the gap beside it, as shares of the bins' width.
COLUMN_WIDTH, GAP_WIDTH = 0.07, 0.05


class WeightHistory(NamedTuple):
    """How likely a trial's loss weights were in each of N iterations, in K bins, below and above them."""

    edges: np.ndarray  # [K+1] weights between the bins
    steps: np.ndarray  # [N+1] environment steps; an iteration lasts from one to the next
    log_probabilities: np.ndarray  # [N, K+2] below the bins, in each of them, above them

    @property
    def used(self) -> np.ndarray:
        """[K+2] bool, which columns hold anything in any iteration."""
        return np.any(np.isfinite(self.log_probabilities), axis=0)


class Frame(NamedTuple):
    """The weights that every panel of a picture shows."""

    low: float  # least weight of the cropped bins
    high: float  # their greatest weight
    below: bool  # whether there is a column for weights below the bins
    above: bool  # whether there is a column for weights above them


def draw_weights(trials: Sequence[Trial], out: Path, *, title: str | None = None) -> list[Trial]:
    """Writes a picture of the distribution of loss weights over training, one panel per trial.

    Environment steps run upwards, weights (logarithmic) to the right. The colour is the natural logarithm of
    the share of an iteration's weights that lie in a bin: black from -10 down and where an iteration made no
    update, grey where a trial has no iterations or no bins. The bins are cropped to those in use; weights
    below and above all bins stand in narrow columns beside them.

    Args:
        trials: what to draw; those without histograms are left out.
        out: file to write; its ending says the format.
        title: above the picture; None takes the environment's name.

    Returns:
        The trials that report histograms, which are drawn.

    Raises:
        RunError: if no trial reports histograms, or the file cannot be written.
    """
    check_suffix(out)
    shown = with_weights(trials)
    if not shown:
        raise RunError(_nothing_to_draw(trials))
    if len(shown) > MOST_PANELS:
        raise RunError(
            f"nothing is drawn: {len(shown)} trials report weights; allowed: up to {MOST_PANELS} in one picture."
        )
    panels = _panels(shown)
    frame = frame_of([history for _, history in panels])
    all_bins = {history.edges.tobytes() for _, history in panels}
    figure, grid, panel_width = _new_grid(len(panels), label_all_weights=len(all_bins) > 1)
    for axes, (label, history) in zip(grid, panels, strict=True):
        axes.set_title(
            textwrap.fill(plain(label), int(panel_width * TITLE_CHARACTERS_PER_INCH)), fontsize="medium"
        )
        _draw_history(axes, history, frame)
        _label_weights(axes, history, frame, most_ticks=int(panel_width / TICK_INCHES))
    _label_figure(figure, grid, heading(shown) if title is None else title)
    save(figure, out)
    return shown


def with_weights(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that report a histogram with anything in it."""
    return [trial for trial in trials if weight_history(trial) is not None]


def weight_history(trial: Trial) -> WeightHistory | None:
    """What a trial reports of its loss weights; None if that is nothing.

    Iterations that a resumed run did again count as they were the last time.
    """
    if trial.weight_edges is None or trial.weight_counts is None:
        return None
    least_from_here = np.fmin.accumulate(trial.env_steps[::-1])[::-1]
    kept = trial.env_steps < np.append(least_from_here[1:], math.inf)
    history = WeightHistory(
        edges=trial.weight_edges,
        steps=np.append(trial.first_step, trial.env_steps[kept]),
        log_probabilities=log_probabilities(trial.weight_counts[kept]),
    )
    return history if history.used.any() else None


def log_probabilities(counts: np.ndarray) -> np.ndarray:
    """Natural logarithm of the share of a row's counts that each column has.

    Args:
        counts: [T, N] float64, not negative; NaN where not reported.

    Returns:
        [T, N] float64, at most 0: -inf where a count is 0, NaN in rows that hold NaN or nothing.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(counts / counts.sum(axis=1, keepdims=True))


def frame_of(histories: Sequence[WeightHistory]) -> Frame:
    """The frame that holds all bins in use and one bin more on each side, if there is one.

    Where all weights lie beyond the bins it holds all bins.
    """
    cropped = []
    for history in histories:
        bins = np.flatnonzero(history.used[1:-1])
        if len(bins):
            cropped.append(history.edges[max(bins[0] - 1, 0) : bins[-1] + 3])
    cropped = cropped or [history.edges for history in histories]
    return Frame(
        low=float(min(edges[0] for edges in cropped)),
        high=float(max(edges[-1] for edges in cropped)),
        below=any(bool(history.used[0]) for history in histories),
        above=any(bool(history.used[-1]) for history in histories),
    )


def weight_ticks(low: float, high: float, most: int) -> list[float]:
    """Round weights from `low` to `high`, at most `most` (which is at least 3).

    1, 2 and 5 times powers of ten; if these are too many, 1 and 3 times, or the powers alone; if they are
    fewer than two, evenly spaced weights.
    """
    powers = [float(f"1e{n}") for n in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    ticks = []
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [tick for power in powers for digit in digits if low <= (tick := digit * power) <= high]
        if len(ticks) <= most:
            break
    if len(ticks) < 2:
        even = matplotlib.ticker.MaxNLocator(most - 1, steps=[1, 2, 5, 10]).tick_values(low, high)
        ticks = [float(tick) for tick in even if low <= tick <= high]
    return ticks[:: math.ceil(len(ticks) / most)]


def _panels(trials: Sequence[Trial]) -> list[tuple[str, WeightHistory]]:
    """Title and content of every panel; the title names the seed where a group has several."""
    panels = []
    for label, members in group(trials).items():
        several_seeds = len({trial.seed for trial in members}) > 1
        for trial in members:
            history = weight_history(trial)
            assert history is not None
            panels.append((f"{label}, seed {trial.seed}" if several_seeds else label, history))
    titles = [title for title, _ in panels]
    return [
        (f"{title}, run {titles[: index + 1].count(title)}" if titles.count(title) > 1 else title, history)
        for index, (title, history) in enumerate(panels)
    ]


def _new_grid(panels: int, label_all_weights: bool) -> tuple[Figure, list[Any], float]:
    """A figure, axes for so many panels and the width of each in inches.

    Steps are labelled on the left only, weights on the lowest panel of each column only, or on all panels.
    """
    rows = math.ceil(panels / PANELS_PER_ROW)
    columns = math.ceil(panels / rows)
    width, height = PANEL_INCHES if panels > 1 else SINGLE_PANEL_INCHES
    figure = new_figure(width * columns + 1.4, height * rows + 0.8)
    cells = figure.add_gridspec(rows, columns)
    grid: list[Any] = []
    for index in range(panels):
        axes = figure.add_subplot(
            cells[divmod(index, columns)], sharey=grid[0] if grid else None, facecolor="0.92"
        )
        leftmost, lowest = index % columns == 0, index + columns >= panels
        axes.tick_params(left=leftmost, labelleft=leftmost, labelbottom=lowest or label_all_weights)
        axes.spines[:].set_visible(False)
        grid.append(axes)
    return figure, grid, width


def _draw_history(axes: Any, history: WeightHistory, frame: Frame) -> None:
    """Draws one trial, over the decimal logarithm of the weight."""
    low, high = math.log10(frame.low), math.log10(frame.high)
    places = np.clip(np.log10(history.edges), low, high)
    bins = np.flatnonzero(np.diff(places) > 0)
    if len(bins):
        _draw_cells(axes, places[bins[0] : bins[-1] + 2], history, slice(bins[0] + 1, bins[-1] + 2))
    if frame.below:
        _draw_cells(axes, _column_below(frame), history, slice(0, 1))
    if frame.above:
        _draw_cells(axes, _column_above(frame), history, slice(-1, None))
    axes.set_xlim(
        _column_below(frame)[0] if frame.below else low, _column_above(frame)[1] if frame.above else high
    )


def _draw_cells(axes: Any, places: Any, history: WeightHistory, columns: slice) -> None:
    axes.pcolormesh(
        places,
        history.steps,
        history.log_probabilities[:, columns],
        cmap=COLOURS,
        norm=SCALE,
        rasterized=True,  # thousands of cells as vectors make a slow file with visible seams
    )


def _column_below(frame: Frame) -> tuple[float, float]:
    """Left and right end of the column of weights below the bins."""
    low, width = math.log10(frame.low), math.log10(frame.high / frame.low)
    return low - (GAP_WIDTH + COLUMN_WIDTH) * width, low - GAP_WIDTH * width


def _column_above(frame: Frame) -> tuple[float, float]:
    """Left and right end of the column of weights above the bins."""
    high, width = math.log10(frame.high), math.log10(frame.high / frame.low)
    return high + GAP_WIDTH * width, high + (GAP_WIDTH + COLUMN_WIDTH) * width


def _label_weights(axes: Any, history: WeightHistory, frame: Frame, most_ticks: int) -> None:
    margin = (frame.high / frame.low) ** GAP_WIDTH  # keeps the bins' labels clear of the columns'
    ticks = weight_ticks(
        frame.low * margin if frame.below else frame.low,
        frame.high / margin if frame.above else frame.high,
        most_ticks,
    )
    labels = {math.log10(tick): f"{tick:g}" for tick in ticks}
    columns = {}
    if frame.below:
        columns[sum(_column_below(frame)) / 2] = f"< {history.edges[0]:g}"
    if frame.above:
        columns[sum(_column_above(frame)) / 2] = f"≥ {history.edges[-1]:g}"
    axes.set_xticks([*labels, *columns], [*labels.values(), *columns.values()])
    for label in axes.get_xticklabels()[len(labels) :]:
        label.set_rotation(90)


def _label_figure(figure: Figure, grid: list[Any], title: str) -> None:
    figure.suptitle(title)
    figure.supxlabel("Loss weight")
    figure.supylabel("Environment steps")
    grid[0].yaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep=""))
    width, height = figure.get_size_inches()
    figure.colorbar(
        ScalarMappable(SCALE, COLOURS),
        ax=grid,
        label="ln(probability of a weight)",
        extend="min",
        extendfrac=0.03,
        aspect=8 * height,
        fraction=0.5 / width,
        pad=0.2 / width,
    )


def _nothing_to_draw(trials: Sequence[Trial]) -> str:
    runs = str(trials[0].folder) + (f" and {len(trials) - 1} more" if len(trials) > 1 else "")
    if any(trial.weight_edges is not None for trial in trials):
        advice = (
            "no network was updated yet: train until the replay buffer holds train_batch_episodes episodes"
        )
    else:
        advice = "only the algorithms of rllib_remix report them, and only since their histograms exist"
    return f"nothing to plot: none of {len(trials)} trials reports weight histograms ({runs}); {advice}."
