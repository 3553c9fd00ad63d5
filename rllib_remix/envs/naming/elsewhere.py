"""Where environments are whose names lead nowhere as they were given: "simple_spread", "magent2.battle_v4", "vmas.balance".

Packages are looked into without importing them, but for those that register ids with Gymnasium.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

from rllib_remix.envs.naming.packages import registering_package
from rllib_remix.errors import nearest

# Packages whose modules are environments, with their versions behind their names.
_FAMILIES = (
    "mpe2",
    "magent2.environments",
    *(f"pettingzoo.{family}" for family in ("butterfly", "classic", "sisl", "atari")),
)
_VERSION = re.compile(r"[-_]v\d+$")


def find_elsewhere(name: str) -> str | None:
    """The name under which an environment is found that has the last word of `name`, or one much like it."""
    words = re.split(r"[.:/]", name)
    known = _of_families() | _of_vmas() if words[0] == "vmas" else _of_vmas() | _of_families()
    guess = nearest(_word(words[-1]), known)
    return known[guess] if guess else None


def module_that_registers(env_id: str) -> str | None:
    """The name under which an id of Gymnasium, or the nearest, is found, if a package is known that registers it."""
    package = registering_package(env_id)
    if package is None:
        return None
    try:
        importlib.import_module(package)
    except (Exception, SystemExit):  # It may be missing, which is said when the name is used.
        return f"{package}:{env_id}"
    return f"{package}:{nearest_id(env_id, package) or env_id}"


def nearest_id(env_id: str, package: str) -> str | None:
    """Of the ids that a package registered: this one, its newest version, or the nearest."""
    import gymnasium

    ids = [each for each in gymnasium.registry if _is_of(package, gymnasium.registry[each].entry_point)]
    if env_id in ids:
        return env_id
    versions = [each for each in ids if _VERSION.sub("", each) == _VERSION.sub("", env_id)]
    return max(versions, key=_version, default=None) or nearest(env_id, ids or gymnasium.registry)


def _is_of(package: str, entry_point: object) -> bool:
    """Whether it is in the package; of an entry point that is no path this cannot be told."""
    return not isinstance(entry_point, str) or entry_point.startswith((f"{package}.", f"{package}:"))


def _version(env_id: str) -> int:
    return int(env_id.rpartition("-v")[2])


def _of_families() -> dict[str, str]:
    """Word → path, of the newest version of each module that is installed."""
    found: dict[str, str] = {}
    for family in _FAMILIES:
        names = [each.name for each in pkgutil.iter_modules(map(str, _folders(family)))]
        for name in sorted((name for name in names if _VERSION.search(name)), key=_number):
            found[_word(name)] = f"{family}.{name}"
    return found


def _of_vmas() -> dict[str, str]:
    files = (file for folder in _folders("vmas.scenarios") for file in folder.rglob("[!_]*.py"))
    return {_word(file.stem): f"vmas:{file.stem}" for file in files}


def _number(module: str) -> int:
    return int(module.rpartition("_v")[2])


def _folders(package: str) -> list[Path]:
    """Where the modules of a package are; nowhere if it is not installed."""
    first, *rest = package.split(".")
    spec = importlib.util.find_spec(first)
    roots = (spec.submodule_search_locations or []) if spec else []
    return [Path(root, *rest) for root in roots]


def _word(name: str) -> str:
    return _VERSION.sub("", name).lower().replace("-", "_")
