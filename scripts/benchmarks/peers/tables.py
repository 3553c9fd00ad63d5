"""Figures of the runs: medians over turns, and the Markdown table of docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.figures import significant
from benchmarks.peers.systems import BATCHES, GAME_TITLES, GAMES, OURS, SYSTEMS

# What a run says of each figure, one number.
FIGURES: dict[str, Callable[[dict[str, Any]], float]] = {
    "update, ms": lambda run: 1000 * statistics.median(run["updates"]),
    "rollout, env steps per CPU-s": lambda run: _rate(run["rollout"]),
    "end to end, env steps per CPU-s": lambda run: _rate(run["end_to_end"]),
    "memory at its peak, MiB": lambda run: run["peak_memory_mib"],
    "until it can play, CPU-s": lambda run: run["start_cpu_s"],
}
OF_ANY_BATCH = ("rollout, env steps per CPU-s", "until it can play, CPU-s")
END_TO_END = "end to end, env steps per CPU-s"


def _rate(part: dict[str, Any]) -> float:
    return part["env_steps"] / part["cpu_s"]


def line(run: dict[str, Any]) -> str:
    """One run, as it is printed when it has ended."""
    shown = ", ".join(f"{name} {significant(figure(run))}" for name, figure in FIGURES.items())
    return f"{run['game']:14} batch {run['batch']:3} turn {run['turn']} {run['system']:14} {shown}"


def values(content: dict[str, Any], figure: str, system: str, game: str, batch: int | None) -> list[float]:
    """The figure in all turns; of a batch, or of all of them together."""
    return [
        FIGURES[figure](run)
        for run in content["runs"]
        if (run["system"], run["game"]) == (system, game) and batch in (None, run["batch"])
    ]


def spread(content: dict[str, Any], figure: str) -> float:
    """The largest distance of a turn from the median of its system, game and batch, as a share of that median."""
    distances = [0.0]
    for system in SYSTEMS:
        for game in GAMES:
            for batch in BATCHES:
                turns = values(content, figure, system, game, batch)
                distances += [abs(value / statistics.median(turns) - 1) for value in turns]
    return max(distances)


def markdown(content: dict[str, Any]) -> str:
    """The table: games one below the other, a column for each system, medians of all turns; and what is to be said of it."""
    measured = {run["system"] for run in content["runs"]}
    systems = [name for name in SYSTEMS if name in measured]
    rows = [["", *(SYSTEMS[name].title for name in systems)], ["---"] * (1 + len(systems))]
    for game in (name for name in GAMES if name in {run["game"] for run in content["runs"]}):
        rows.append([f"**{GAME_TITLES[game]}**", *[""] * len(systems)])
        for figure in FIGURES:
            rows.append(_row(content, figure, systems, game))
            if figure == END_TO_END and OURS in systems:
                rows.append(_ratios(content, systems, game))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([table, "", *_notes(content, systems)])


def _batches(figure: str) -> Sequence[int | None]:
    return (None,) if figure in OF_ANY_BATCH else BATCHES


def _row(content: dict[str, Any], figure: str, systems: Sequence[str], game: str) -> list[str]:
    name, _, unit = figure.partition(", ")
    batches = _batches(figure)
    label = figure if len(batches) == 1 else f"{name}, batch {' / '.join(map(str, batches))}, {unit}"
    cells = [[_median(content, figure, system, game, batch) for batch in batches] for system in systems]
    return [label, *(" / ".join(significant(median) for median in cell) for cell in cells)]


def _ratios(content: dict[str, Any], systems: Sequence[str], game: str) -> list[str]:
    """How many times the others' rate ours is."""
    cells = []
    for system in systems:
        pairs = [
            (
                _median(content, END_TO_END, OURS, game, batch),
                _median(content, END_TO_END, system, game, batch),
            )
            for batch in BATCHES
        ]
        ratios = [ours / theirs if ours and theirs else None for ours, theirs in pairs]
        cells.append("" if system == OURS else " / ".join(significant(ratio) for ratio in ratios))
    return ["ours is so many times as fast", *cells]


def _median(content: dict[str, Any], figure: str, system: str, game: str, batch: int | None) -> float | None:
    turns = values(content, figure, system, game, batch)
    return statistics.median(turns) if turns else None


def _notes(content: dict[str, Any], systems: Sequence[str]) -> list[str]:
    turns = 1 + max((run["turn"] for run in content["runs"]), default=-1)
    spreads = ", ".join(f"{figure.partition(',')[0]} {spread(content, figure):.0%}" for figure in FIGURES)
    told = "" if content["machine"].get("mkl_told_that_it_may_use_avx512") else "not "
    lines = [
        f"Medians of {turns} turns; the largest distance of a turn from its median: {spreads}. MKL was {told}told that it "
        "may use AVX-512."
    ]
    lines += [
        f"{SYSTEMS[name].title}: {'; '.join(SYSTEMS[name].shims)}." for name in systems if SYSTEMS[name].shims
    ]
    return lines + [f"Left out: {what}: {reason}" for what, reason in content["left_out"].items()]
