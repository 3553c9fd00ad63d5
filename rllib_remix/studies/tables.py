"""A study's results as a Markdown table, and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from rllib_remix.studies.study import Study
from rllib_remix.studies.summary import Estimate, Row


def markdown(study: Study, rows: Sequence[Row]) -> str:
    """The table below a study's figure; nothing in it is called best."""
    thresholds = any(row.steps for row in rows)
    compared = any(row.better for row in rows)
    heads = ["task", "algorithm", "seeds", "final, by seed", "final, IQM [95 %]", "mean over training [95 %]"]
    heads += ["env steps to the threshold, by seed"] * thresholds
    heads += [f"P({study.reference} above) [95 %]"] * compared
    lines = [_line(heads), _line(["---"] * len(heads))]
    for row in rows:
        seeds = f"{row.seeds}" + (f" (+{row.unfinished} unfinished)" if row.unfinished else "")
        cells = [row.panel, row.algorithm, seeds, ", ".join(f"{final:.3g}" for final in row.finals)]
        cells += [_told(row.final), _told(row.area)]
        if thresholds:
            cells.append(", ".join(_steps(steps) for steps in row.steps))
        if compared:
            cells.append("" if row.better is None else _told(row.better))
        lines.append(_line(cells))
    return "\n".join(lines)


def as_csv(rows: Sequence[Row]) -> str:
    """The same with all digits, a column for each number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    estimates = ("final", "area", "better")
    heads = [f"{name}{part}" for name in estimates for part in ("", "_low", "_high")]
    writer.writerow(["panel", "algorithm", "seeds", "unfinished", *heads, "finals", "steps_to_threshold"])
    for row in rows:
        numbers: list[float | str] = []
        for name in estimates:
            estimate: Estimate | None = getattr(row, name)
            numbers += ["", "", ""] if estimate is None else [estimate.value, estimate.low, estimate.high]
        lists = (" ".join(f"{value:.6g}" for value in values) for values in (row.finals, row.steps))
        writer.writerow([row.panel, row.algorithm, row.seeds, row.unfinished, *numbers, *lists])
    return text.getvalue()


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _told(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return f"{estimate.value:.3g}"
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]".replace("-", "−")


def _steps(steps: float) -> str:
    return "–" if math.isinf(steps) else f"{steps / 1000:.0f}k"
