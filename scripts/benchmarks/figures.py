"""A measured figure, the table of them, and the JSON file that keeps them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1  # of the JSON file

# The MAC-PO authors' code (a fork of pymarl2, float32) on two cores of a Xeon with AVX-512, in the figures' units.
# A figure takes the one whose name it begins with.
REFERENCE = {
    "kernel, 64 copies": 490,
    "rollout, 8 copies": 380,
    "rollout, 32 copies": 380,
    "replay memory": 835,
    "QMIX update, batch 32": 0.35,
    "QMIX update, batch 128": 1.2,
    "MACPO update, batch 32": 1.05,
    "MACPO update, batch 128": 3.2,
    "MACPO memory, batch 128, growth": 3.6,
}


@dataclass(frozen=True)
class Figure:
    """Repeated measurements of one thing.

    Attributes:
        name: says what was measured; runs are compared by it.
        unit: of `values` and `floor`.
        values: one per repetition.
        more_is_better: a rate, not a cost.
        floor: what the part that cannot be avoided takes (of a rate: reaches) alone, measured in the same run.
        floor_says: what that part is.
        note: what a reader has to know of this figure.
        sweep: name of what is varied and its value here; None outside of sweeps.
    """

    name: str
    unit: str
    values: Sequence[float]
    more_is_better: bool = False
    floor: float | None = None
    floor_says: str = ""
    note: str = ""
    sweep: tuple[str, float] | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def of_floor(self) -> float | None:
        """How many times the floor's time this takes; 1 is the floor."""
        if self.floor is None:
            return None
        return self.floor / self.median if self.more_is_better else self.median / self.floor

    @property
    def reference(self) -> float | None:
        """What the authors' code needs for the same."""
        if "half-trained" in self.name:  # Other work than the reference's.
            return None
        return next((value for name, value in REFERENCE.items() if _begins_with(self.name, name)), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "more_is_better": self.more_is_better,
            "median": self.median,
            "least": min(self.values),
            "largest": max(self.values),
            "values": list(self.values),
            "floor": self.floor,
            "floor_says": self.floor_says,
            "of_floor": self.of_floor,
            "reference": self.reference,
            "note": self.note,
            "sweep": self.sweep,
        }


def _begins_with(name: str, beginning: str) -> bool:
    """Whole parts between commas: "batch 128" does not begin with "batch 12"."""
    return f"{name},".startswith(f"{beginning},")


def significant(value: float | None) -> str:
    """At least three digits, however large the number; a dash for None."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


HEADER = (
    f"{'':48}{'median':>10}{'least':>10}{'largest':>10}{'floor':>10}{'× floor':>9}{'reference':>11}  unit"
)


def row(figure: Figure) -> str:
    """One line of the table under `HEADER`."""
    numbers = (figure.median, min(figure.values), max(figure.values), figure.floor)
    cells = "".join(f"{significant(number):>10}" for number in numbers)
    cells += f"{significant(figure.of_floor):>9}{significant(figure.reference):>11}"
    note = f"  ({figure.note})" if figure.note else ""
    return f"{figure.name:48}{cells}  {figure.unit}{note}"


def footnotes(figures: Sequence[Figure]) -> list[str]:
    """What the columns mean, for those that are in use."""
    lines = []
    floors = dict.fromkeys(figure.floor_says for figure in figures if figure.floor is not None)
    if floors:
        lines.append(f"floor: measured in the same run; {'; '.join(floors)}.")
        lines.append("× floor: how many times the floor's time the figure takes (of rates: floor / figure).")
    if any(figure.reference is not None for figure in figures):
        lines.append("reference: the MAC-PO authors' code, float32, on a 2-core Xeon; orientation only.")
    return lines


def write(path: Path, figures: Sequence[Figure], machine: dict[str, Any], settings: dict[str, Any]) -> None:
    """The JSON file of a run: what ran where, from which commit, and every figure."""
    content = {
        "format": FORMAT,
        "machine": machine,
        "settings": settings,
        "figures": {figure.name: figure.as_json() for figure in figures},
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """A file that `write` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} is no benchmark result of format {FORMAT}; write one with --out.")
    return content
