"""Modules of the user that options name, such as `--env mygame.make`: those of the current folder are found too."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rllib_remix.envs.naming.importing import find_file, load_path

_added: list[Path] = []  # folders in which modules are found for the user's sake


def find_modules_in(folder: Path) -> None:
    """Lets this process and the Ray that it starts import modules from a folder, behind all others.

    Ray's workers look in the current folder by themselves.
    """
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        _added.append(folder)
    if folder != Path.cwd() and folder.is_dir():
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join([path for path in paths if path] + [str(folder)])


def load_class(option: str, path: str) -> Any:
    """The object at "package.module.Class". Importing a module runs it: `path` must be the user's own words.

    Raises:
        SettingError: if the module cannot be imported or has no such attribute.
    """
    find_modules_in(Path.cwd())
    return load_path(option, path)


def name_from_here(env: str) -> str:
    """A name of an environment with which it is found from the current folder too.

    Differs from `env` for a module or a file of another folder, from which the run was begun, and for a file that is
    named in full and stands below the current folder.
    """
    file, colon, rest = env.partition(".py:")
    if colon:
        return _path_from_here(f"{file}.py") + f":{rest}"
    module, _, attribute = env.rpartition(".")
    if not module or "." in module or ":" in env or "/" in env:
        return env
    for folder in _added:
        if (source := folder / f"{module}.py").is_file() and folder != Path.cwd():
            return f"{_path_from_here(str(source))}:{attribute}"
    return env


def _path_from_here(file: str) -> str:
    found = find_file(file)
    if found is None:
        return file
    return (
        str(found.relative_to(Path.cwd().resolve()))
        if found.is_relative_to(Path.cwd().resolve())
        else str(found)
    )
