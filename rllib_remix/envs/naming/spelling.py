"""Names for environments that were given as code, by which they are found again."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from rllib_remix.envs.naming.names import registered_with_ray

LONGEST_NAME = 200  # characters, as checkpoints have it


def name_of_code(creator: Any) -> str | None:
    """The name of a class or a function: "module.name", or "/folder/file.py:name" of a file that is no module.

    None for what cannot be found by a name: what was made within a function, or in a script's or a shell's own module.
    """
    module, name = getattr(creator, "__module__", None), getattr(creator, "__qualname__", "<")
    if not module or module == "__main__" or "<" in name:
        return None
    if _is_importable(module):
        named = f"{module}.{name}"
    elif "." not in name and (file := file_of(creator)):
        named = f"{file}:{name}"
    else:
        return None
    return named if len(named) <= LONGEST_NAME else None


def name_to_type(env: str) -> str:
    """How the command line names an environment, which may be registered with Ray in this process alone."""
    creator = registered_with_ray(env)
    if creator is None:
        return env
    file = file_of(creator)
    in_its_file = file and getattr(creator, "__module__", None) != "__main__"
    return name_of_code(creator) or (f"{file}:{env}" if in_its_file else env)


def file_of(creator: Any) -> str | None:
    """The file in which a class or a function was written; None if it is not there."""
    codes = map(_code_of, (creator, *vars(creator).values()) if isinstance(creator, type) else (creator,))
    file = next((code.co_filename for code in codes if code), "")
    return file if Path(file).is_file() else None


def _code_of(function: Callable[..., Any] | Any) -> CodeType | None:
    return getattr(function, "__code__", None)


def _is_importable(module: str) -> bool:
    """Whether another process could import a module; those that are loaded from files by name are not."""
    if module in sys.modules and getattr(sys.modules[module], "__spec__", None) is None:
        return False
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and importlib.machinery.PathFinder.find_spec(module.partition(".")[0]) is not None
