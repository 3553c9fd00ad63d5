"""The folders of a package as a reader meets them: what each is for, and how much lies in it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from structure.imports import Imports, between_children, circles, floors, imports_of
from structure.sources import Sources

MOST_LINES = 400
MOST_FILES = 15


@dataclass(frozen=True)
class Folder:
    """One folder.

    Attributes:
        path: within the package; "" is the package itself.
        sentence: first line of the docstring of its `__init__.py`, "" if there is none.
        files: number of Python files in it, those of folders within it and its `__init__.py` left out.
        lines: of these files.
        floors: number of floors that the imports among these files make.
    """

    path: str
    sentence: str
    files: int
    lines: int
    floors: int


@dataclass(frozen=True)
class Layout:
    """A package in figures.

    Attributes:
        files, lines: of all Python files, `__init__.py` included.
        floors: the files of every floor, the lowest first.
        file_circles: groups of files that import each other.
        folder_circles: groups of neighbours in one folder, among them a folder, that import each other.
        long_files: files of more than MOST_LINES lines, with their lines.
        full_folders: folders of more than MOST_FILES files, with their files.
    """

    package: str
    folders: list[Folder]
    files: int
    lines: int
    floors: list[list[str]]
    file_circles: list[list[str]]
    folder_circles: list[list[str]]
    long_files: dict[str, int]
    full_folders: dict[str, int]


def layout_of(sources: Sources, package: str) -> Layout:
    """Measures a package."""
    imports = imports_of(sources, package)
    lines = {path: text.count("\n") for path, text in sources.items()}
    folders = [folder_of(path, sources, lines, imports) for path in folder_paths(sources)]
    height = floors(imports)
    return Layout(
        package=package,
        folders=folders,
        files=len(sources),
        lines=sum(lines.values()),
        floors=[sorted(f for f in height if height[f] == n + 1) for n in range(max(height.values()))],
        file_circles=circles(imports),
        folder_circles=[
            circle
            for folder in folder_paths(sources)
            for circle in circles(between_children(imports, folder))
            if any(not child.endswith(".py") for child in circle)
        ],
        long_files={path: lines[path] for path in sources if lines[path] > MOST_LINES},
        full_folders={folder.path: folder.files for folder in folders if folder.files > MOST_FILES},
    )


def folder_paths(sources: Sources) -> list[str]:
    """All folders with an `__init__.py`, each before those within it."""
    return sorted(parent(path) for path in sources if path.endswith("__init__.py"))


def parent(path: str) -> str:
    """The folder of a file or folder; "" for what stands at the top."""
    return path.rpartition("/")[0]


def folder_of(path: str, sources: Sources, lines: dict[str, int], imports: Imports) -> Folder:
    """Measures one folder."""
    init = f"{path}/__init__.py" if path else "__init__.py"
    own = {file for file in sources if parent(file) == path and file != init}
    height = floors({file: imports[file] & own for file in own})
    return Folder(
        path=path,
        sentence=(ast.get_docstring(ast.parse(sources[init])) or "").split("\n")[0],
        files=len(own),
        lines=sum(lines[file] for file in own),
        floors=max(height.values(), default=0),
    )
