"""Modules, files and what is in them, by the paths that users give. Importing runs code: a path must be the user's own."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import pkgutil
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

from rllib_remix.envs.naming.elsewhere import find_elsewhere
from rllib_remix.envs.naming.packages import installation, known_modules, moved
from rllib_remix.errors import SettingError, nearest, shown

_FILE_PREFIX = "rllib_environment_"  # of the names of modules that are loaded from files


def find_current_folder() -> None:
    """Lets this process import modules of the current folder, behind all others."""
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)


def load_path(option: str, path: str) -> Any:
    """The module, class, function or other object at "package.module" or "package.module.Class".

    Args:
        option: how messages call the setting.
        path: what the user gave; it may have begun with "pettingzoo:".

    Raises:
        SettingError: it cannot be imported, or is not there; names the nearest that is.
    """
    find_current_folder()
    first, *others = path.split(".")
    if not all(part.isidentifier() for part in (first, *others)):
        raise SettingError(f"{option}: cannot import {shown(path)}.")
    found: Any = _import(option, path, first)
    where = first
    for part in others:
        found = _member(option, path, where, found, part)
        where = f"{where}.{part}"
    return found


def is_module(name: str) -> bool:
    """Whether a word is the name of a module that could be imported, which is not done."""
    find_current_folder()
    return (
        name.isidentifier()
        and name not in sys.stdlib_module_names
        and importlib.util.find_spec(name) is not None
    )


def load_file(option: str, text: str) -> ModuleType:
    """The module in a .py file, which is run once in a process.

    Args:
        option: how messages call the setting.
        text: its path; a relative one is looked for in the current folder and in all from which modules come.

    Raises:
        SettingError: there is no such file, or running it fails.
    """
    find_current_folder()
    path = find_file(text)
    if path is None:
        raise SettingError(f"{option}: there is no file {shown(text)}{_nearest_file(text)}")
    name = f"{_FILE_PREFIX}{path.stem}_{zlib.crc32(bytes(path)):08x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # for the modules beside it
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise SettingError(
            f"{option}: cannot import {shown(text)}: {_told(error)}.{_advice(error)}"
        ) from error
    send_by_value(module)
    return module


def send_by_value(module: ModuleType) -> None:
    """Lets what a module defines travel by value, as other processes cannot import it by its name.

    Ray sends with its own copy of cloudpickle, and environments go to processes of theirs with the package itself.
    """
    import cloudpickle
    import ray.cloudpickle

    ray.cloudpickle.register_pickle_by_value(module)
    cloudpickle.register_pickle_by_value(module)


def find_file(text: str) -> Path | None:
    """The absolute path of a file, looked for where modules are."""
    given = Path(text).expanduser()
    for folder in (Path.cwd(), *map(Path, sys.path)):
        if (path := folder / given).is_file():
            return path.resolve()
    return None


def class_path(owner: type) -> str:
    """Where a class is, for people: "package.module.Class", of a file that was loaded "file.py:Class"."""
    module = owner.__module__
    if module.startswith(_FILE_PREFIX) and (file := getattr(sys.modules.get(module), "__file__", None)):
        return f"{Path(file).name}:{owner.__qualname__}"
    return f"{module}.{owner.__qualname__}"


def names_in_file(text: str) -> list[str]:
    """The classes and functions that a .py file defines at its top, and what it registers there; it is not run."""
    path = find_file(text)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8")) if path else ast.Module([], [])
    except (OSError, ValueError, SyntaxError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    defined = [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    called = [
        node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    return [*(name for call in called if (name := _registered_by(call))), *defined]


def _registered_by(call: ast.Call) -> str | None:
    """The name in `register_env("name", …)`, also of `tune.register_env`."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    first = call.args[0] if call.args else None
    found = first.value if isinstance(first, ast.Constant) else None
    return found if function == "register_env" and isinstance(found, str) else None


def _import(option: str, path: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # Importing a module runs its code.
        hint = moved(path) or _advice(error, path)
        raise SettingError(f"{option}: cannot import {shown(path)}: {_told(error)}.{hint}") from error


def _member(option: str, path: str, where: str, owner: Any, name: str) -> Any:
    """A module's own objects come before the modules in it, and these before what it makes when asked."""
    is_module = isinstance(owner, ModuleType)
    if is_module and isinstance(vars(owner).get(name), ModuleType | None):
        full = f"{where}.{name}"
        if full in sys.modules or (hasattr(owner, "__path__") and importlib.util.find_spec(full) is not None):
            return _import(option, path, full)
    try:
        found = getattr(owner, name)
        if (
            type(found).__name__ == "DeprecatedModule"
        ):  # PettingZoo's, in the place of every version that is gone
            raise AttributeError(name)
        return found
    except Exception as error:  # A module may have a __getattr__ of its own.
        file = (getattr(owner, "__file__", None) or "built in") if is_module else None
        said = f" ({file})" if file else ""
        guess = nearest(name, _members(owner))
        found = f"{where}.{guess}" if guess else find_elsewhere(path)
        hint = f"; did you mean {found!r}?" if found else "."
        raise SettingError(f"{option}: {shown(where)}{said} has no {shown(name)}{hint}") from error


def _members(owner: Any) -> list[str]:
    names = [name for name in vars(owner) if not name.startswith("_")] if hasattr(owner, "__dict__") else []
    return [*modules_in(owner), *names]


def modules_in(package: Any) -> list[str]:
    """The names of the modules of a package, but for private ones."""
    found = pkgutil.iter_modules(getattr(package, "__path__", []))
    return [each.name for each in found if not each.name.startswith("_")]


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".")


def _advice(error: BaseException, path: str = "") -> str:
    """What to do about an import that failed, if that can be said."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        if how := installation(missing, path):
            return f" Install it with: {how}"
        known = [*(file.stem for file in Path.cwd().glob("*.py")), *known_modules()]
        first, dot, rest = path.partition(".")
        if missing == first and (guess := nearest(missing, known)):
            return f" Did you mean {guess + dot + rest!r}?"
    return ""


def _nearest_file(text: str) -> str:
    folder = Path(text).expanduser().parent
    try:
        names = [str(folder / file.name) for file in (Path.cwd() / folder).glob("*.py")]
    except OSError:
        names = []
    guess = nearest(text, names)
    return f"; did you mean {guess!r}?" if guess else "."
