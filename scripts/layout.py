#!/usr/bin/env python
"""Prints how the package is built: its folders with a sentence each, and which files stand on which.

Usage:
  .venv/bin/python scripts/layout.py                the tree as it is
  .venv/bin/python scripts/layout.py --at main      as a revision has it; the work tree is not touched
  .venv/bin/python scripts/layout.py --json         the same as JSON, every file by its floor included
  .venv/bin/python scripts/layout.py --map          the folders and their sentences alone, as CONTRIBUTING.md has them

A folder's sentence is the first line of the docstring of its `__init__.py`. A file stands one floor above the highest
file that it imports. Files of more than 400 lines, and folders of more than 15 files (their `__init__.py` not counted), are
named.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from structure import sources
from structure.folders import MOST_FILES, MOST_LINES, Layout, layout_of, parent

PACKAGE = Path(__file__).resolve().parent.parent / "rllib_remix"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--at", metavar="REV", help="a revision in git; default: the files as they are")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--map", action="store_true", help="print the folders and their sentences alone")
    options = parser.parse_args()
    try:
        read = sources.from_revision(PACKAGE, options.at) if options.at else sources.from_folder(PACKAGE)
    except ValueError as error:
        print(f"--at: {error}", file=sys.stderr)
        return 2
    layout = layout_of(read, PACKAGE.name)
    if options.json:
        print(json.dumps(asdict(layout), indent=2))
    else:
        print(map_of(layout) if options.map else as_text(layout))
    return 0


def as_text(layout: Layout) -> str:
    """The layout for people."""
    return "\n\n".join([tree(layout), totals(layout), floor_plan(layout), *complaints(layout)])


def map_of(layout: Layout) -> str:
    """A line a folder: its name and its sentence."""
    names = indented_names(layout)
    width = max(len(name) for name in names)
    rows = zip(names, layout.folders, strict=True)
    return "\n".join(f"{name:{width}}  {folder.sentence}".rstrip() for name, folder in rows)


def tree(layout: Layout) -> str:
    """The same with the files, lines and floors of each folder's own."""
    names = indented_names(layout)
    width = max(len(name) for name in names)
    head = f"{'':{width}}  files  lines  floors"
    rows = [
        f"{name:{width}}  {folder.files:5}  {folder.lines:5}  {folder.floors:6}  {folder.sentence}".rstrip()
        for name, folder in zip(names, layout.folders, strict=True)
    ]
    return "\n".join([head, *rows])


def indented_names(layout: Layout) -> list[str]:
    return [
        "  " * (folder.path.count("/") + 1) + folder.path.split("/")[-1] + "/"
        if folder.path
        else f"{layout.package}/"
        for folder in layout.folders
    ]


def totals(layout: Layout) -> str:
    """The package in one line."""
    return (
        f"{layout.files} files, {layout.lines:,} lines, {len(layout.folders)} folders, {len(layout.floors)} floors; "
        f"circles of imports: {len(layout.file_circles)} between files, {len(layout.folder_circles)} between folders"
    )


def floor_plan(layout: Layout) -> str:
    """The folders on every floor with the number of their files there, the highest floor first."""
    rows = []
    for number, files in reversed(list(enumerate(layout.floors, 1))):
        folders = Counter(parent(file) or "." for file in files)
        rows.append(f"{number:3}  " + ", ".join(f"{name} {count}" for name, count in sorted(folders.items())))
    return "\n".join(["Floors (files of each folder)", *rows])


def complaints(layout: Layout) -> list[str]:
    """What is too large, and what goes in circles; nothing if all is well."""
    found = {
        f"More than {MOST_LINES} lines": [f"{path} {lines}" for path, lines in layout.long_files.items()],
        f"More than {MOST_FILES} files": [
            f"{path or '.'} {files}" for path, files in layout.full_folders.items()
        ],
        "Circles between files": [" ↔ ".join(circle) for circle in layout.file_circles],
        "Circles between folders": [" ↔ ".join(circle) for circle in layout.folder_circles],
    }
    return ["\n  ".join([title, *lines]) for title, lines in found.items() if lines]


if __name__ == "__main__":
    sys.exit(main())
