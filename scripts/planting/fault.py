"""What a planted fault is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rllib_remix"


class Fault(NamedTuple):
    """A small change of one file that makes a number wrong.

    Attributes:
        name: short, by which it is chosen.
        says: what is wrong then, as one sentence.
        file: below the package.
        old, new: the text that occurs there exactly once, and what it becomes.
        tests: where a test should find it; asked first.
    """

    name: str
    says: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def planted(fault: Fault, text: str) -> str:
    """The text of the fault's file with the fault.

    Raises:
        ValueError: `old` does not occur exactly once, or nothing would change.
    """
    if text.count(fault.old) != 1 or fault.old == fault.new:
        raise ValueError(
            f"{fault.name}: its text occurs {text.count(fault.old)} times in {fault.file}, not once; bring the table "
            "of planted faults up to date."
        )
    return text.replace(fault.old, fault.new)
