"""Misspelt names of algorithms and settings, refused at once: RLlib, which takes seconds to load, is not needed for it.

Only names that cannot exist are refused here: a setting has to stand somewhere in the sources that declare settings.
Whatever else is wrong with a name is found when RLlib is there.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from rllib_remix.algorithms.table import ALGORITHMS, RLLIB_ALGORITHMS, is_of_user
from rllib_remix.errors import UserError, nearest, shown, unknown

_PACKAGE = Path(__file__).parents[2]
_PARTS = ("algorithms", "team", "value_based", "actor_critic")  # where our settings are declared
_DECLARED = re.compile(r"^    ([a-z]\w+): ", re.MULTILINE)  # a group's setting
_SET = re.compile(r"^        self\.([a-z]\w+)\s*[:=]", re.MULTILINE)  # one of RLlib's


def check_algorithm_name(run: object) -> None:
    """Raises SettingError if no algorithm can have this name: neither ours, nor RLlib's, nor one that was registered."""
    if not isinstance(run, str) or "." in run or "ray.tune" in sys.modules:
        return
    names = [*ALGORITHMS, *(name for name in RLLIB_ALGORITHMS if "." not in name)]
    if run not in names:
        raise unknown("--algo", run, names)


def check_setting_names(owner: str, run: object, names: Iterable[object]) -> None:
    """Checks the names of settings of one of our algorithms.

    Args:
        owner: what they are of, for messages.
        run: the algorithm; others than ours are left to RLlib.
        names: settings, of today's API.

    Raises:
        UserError: names the first that no algorithm of ours can have, and the nearest that one has.
    """
    if not isinstance(run, str) or run not in ALGORITHMS or is_of_user(run) or not _rllib():
        return
    for name in names:
        if isinstance(name, str) and name.isidentifier() and name not in _words():
            guess = nearest(name, [*_ours(), *_SET.findall(_rllib())])
            hint = f"did you mean {guess!r}? " if guess else ""
            raise UserError(
                f"{owner}: unknown key {shown(name)}; {hint}`rllib algorithms {run}` lists all settings."
            )


@cache
def _words() -> frozenset[str]:
    """Everything that looks like a name in the sources that declare settings."""
    return frozenset(re.findall(r"\w+", "\n".join([_rllib(), *_sources()])))


@cache
def _ours() -> list[str]:
    return [name for source in _sources() for name in _DECLARED.findall(source)]


@cache
def _sources() -> list[str]:
    files = (file for part in _PARTS for file in sorted((_PACKAGE / part).rglob("*.py")))
    return [file.read_text(encoding="utf-8") for file in files]


@cache
def _rllib() -> str:
    """The source of RLlib's settings; empty if it is not where it should be."""
    found = importlib.util.find_spec("ray")
    folders = [Path(folder) for folder in (found.submodule_search_locations or [])] if found else []
    for folder in folders:
        file = folder / "rllib" / "algorithms" / "algorithm_config.py"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return ""
