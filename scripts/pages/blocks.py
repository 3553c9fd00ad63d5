"""Blocks of code on Markdown pages, and the commands in those of a shell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code.

    Attributes:
        page: its path from the repository's root.
        language: as the page names it; empty where it names none.
        number: among the page's blocks of this language, from 0.
        line: of the page.
        text: the code.
    """

    page: str
    language: str
    number: int
    line: int
    text: str

    @property
    def name(self) -> str:
        """`docs/python.md python 0`."""
        return f"{self.page} {self.language} {self.number}"


def pages() -> list[Path]:
    """Every Markdown page of the repository: at its top, and below docs/."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a page, in their order."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in _FENCED.finditer(text):
        language = match[1]
        number = sum(block.language == language for block in found)
        line = text.count("\n", 0, match.start()) + 1
        name = str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name
        found.append(Block(name, language, number, line, match[2]))
    return found


def all_blocks(*languages: str) -> list[Block]:
    """All blocks of all pages in these languages."""
    return [block for page in pages() for block in blocks_of(page) if block.language in languages]


def commands(text: str) -> list[list[str]]:
    """The words of every command of a shell's block, without comments; what ends a command is left out."""
    found: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        words.whitespace_split = True
        found.append([])
        for word in words:
            if set(word) <= set(";&|"):
                found.append([])
            else:
                found[-1].append(word)
    return [command for command in found if command]
