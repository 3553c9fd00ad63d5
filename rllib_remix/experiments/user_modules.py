"""Modules of the user that options name, such as `--env mygame.make`: those of the current folder are found too."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rllib_remix.envs.naming.importing import load_path


def find_modules_in(folder: Path) -> None:
    """Lets this process and the Ray that it starts import modules from a folder, behind all others.

    Ray's workers look in the current folder by themselves.
    """
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
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
