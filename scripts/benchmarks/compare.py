"""The change of every figure since an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.figures import Figure, significant


class Change(NamedTuple):
    """One figure in both runs; `ratio` is the time of now over the time of then (of rates: then over now)."""

    name: str
    before: float
    now: float
    ratio: float
    verdict: str  # "faster", "slower", or "" within the tolerance and where none can be given


def compare(
    figures: Sequence[Figure], before: dict[str, Any], *, tolerance: float, same_machine: bool
) -> list[Change]:
    """Changes of the medians of all figures that are in both runs.

    Args:
        figures: of this run.
        before: what `figures.read` returned.
        tolerance: a change of the time by more than this share gets a verdict.
        same_machine: whether the CPU is the same; without, there are no verdicts.
    """
    changes = []
    for figure in figures:
        old = before["figures"].get(figure.name)
        if old is None or old["unit"] != figure.unit or min(old["median"], figure.median) <= 0:
            continue
        ratio = figure.median / old["median"]
        if figure.more_is_better:
            ratio = 1 / ratio
        verdict = ""
        if same_machine and ratio > 1 + tolerance:
            verdict = "slower"
        elif same_machine and ratio < 1 / (1 + tolerance):
            verdict = "faster"
        changes.append(Change(figure.name, old["median"], figure.median, ratio, verdict))
    return changes


def same_cpu(machine: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether two descriptions of machines are of one CPU model."""
    return machine["cpu"] == before["machine"]["cpu"]


def lines(
    changes: Sequence[Change], before: dict[str, Any], machine: dict[str, Any], tolerance: float
) -> list[str]:
    """The comparison in words, a line for every figure."""
    then = before["machine"]
    shown = [
        f"Compared with commit {(then['commit'] or 'unknown')[:10]}{' with changes' * bool(then['dirty'])}:"
    ]
    if not same_cpu(machine, before):
        shown.append(f"  measured on another CPU ({then['cpu']}), so there is no verdict.")
    for change in changes:
        numbers = f"{significant(change.before):>10} → {significant(change.now):>8}"
        verdict = f"  {change.verdict}" if change.verdict else ""
        shown.append(f"  {change.name:48}{numbers}   {change.ratio - 1:+6.0%} time{verdict}")
    counts = {kind: sum(change.verdict == kind for change in changes) for kind in ("faster", "slower")}
    shown.append(
        f"  {len(changes)} figures, {counts['faster']} faster and {counts['slower']} slower by more than "
        f"{tolerance:.0%}."
    )
    return shown
