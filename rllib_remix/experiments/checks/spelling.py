"""Misspelt names of algorithms and settings, refused at once: RLlib, which takes seconds to load, is not needed for it.

Only names that cannot exist are refused here: a setting has to stand somewhere in the sources of the algorithm, or in
RLlib's. Whatever else is wrong with a name is found when RLlib is there.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from rllib_remix.algorithms.table import ALGORITHMS, RLLIB_ALGORITHMS, is_of_user
from rllib_remix.errors import UserError, nearest, shown, unknown
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.ray_releases import check_release_has

_ROOT = Path(__file__).parents[3]
_IMPORTED = re.compile(r"^(?:    )?from (rllib_remix[\w.]*) import", re.MULTILINE)
_DECLARED = re.compile(r"^    ([a-z]\w+): [^=\n]+ = setting\(", re.MULTILINE)  # a setting of ours
_SET = re.compile(r"^        self\.([a-z]\w+)\s*[:=]", re.MULTILINE)  # one of RLlib's


def check_spelling(experiments: Sequence[Experiment], source: str | None = None) -> None:
    """Checks the names of algorithms and of their settings.

    Args:
        experiments: their settings have today's names.
        source: the file that they are of; None if options gave the only one.

    Raises:
        SettingError, UserError: names the first name that cannot exist, whose it is, and the nearest that can.
    """
    paths = any(isinstance(each.run, str) and "." in each.run for each in experiments)
    for each in experiments:
        owner = f"{source}: experiment {each.name!r}: " if source is not None else "--"
        if not paths:  # whose modules may register further names
            check_algorithm_name(f"{owner}run" if source is not None else "--algo", each.run)
        check_setting_names(f"{owner}config", each.run, each.config)


def check_algorithm_name(owner: str, run: object) -> None:
    """Raises SettingError if no algorithm can have this name: neither ours, nor RLlib's, nor one that was registered."""
    if not isinstance(run, str) or "." in run or "ray.tune" in sys.modules:
        return
    names = [*ALGORITHMS, *(name for name in RLLIB_ALGORITHMS if "." not in name)]
    if run not in names:
        raise unknown(owner, run, names)


def check_setting_names(owner: str, run: object, names: Iterable[object]) -> None:
    """Checks the names of settings of one of our algorithms.

    Args:
        owner: what they are of, for messages.
        run: the algorithm; others than ours are left to RLlib.
        names: settings, of today's API.

    Raises:
        UserError: names the first that this algorithm cannot have, and the nearest that it has, or the release of Ray that
            brought it.
    """
    if not isinstance(run, str) or run not in ALGORITHMS or is_of_user(run):
        return
    ours, rllibs = _source_of(run), _source_of_rllib()
    if not (ours and rllibs):  # where only compiled files are installed
        return
    known = set(re.findall(r"\w+", ours + rllibs))
    for name in names:
        check_release_has(owner, name)
        if isinstance(name, str) and name.isidentifier() and name not in known:
            guess = nearest(name, [*_DECLARED.findall(ours), *_SET.findall(rllibs)])
            hint = f"did you mean {guess!r}? " if guess else ""
            raise UserError(
                f"{owner}: unknown key {shown(name)}; {hint}`rllib algorithms {run}` lists its settings; beside them those "
                "of RLlib's AlgorithmConfig are allowed."
            )


@cache
def _source_of(algorithm: str) -> str:
    """The sources of an algorithm of ours and of all that it imports of the package, in one text."""
    waiting, read = [str(ALGORITHMS[algorithm].where)], {}
    while waiting:
        module = waiting.pop()
        place = _ROOT.joinpath(*module.split("."))
        file = next(
            (each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file()), None
        )
        if module in read or file is None:
            continue
        read[module] = file.read_text(encoding="utf-8")
        waiting += _IMPORTED.findall(read[module])
    return "\n".join(read.values())


@cache
def _source_of_rllib() -> str:
    """The source of RLlib's settings; empty if it is not where it should be."""
    found = importlib.util.find_spec("ray")
    folders = [Path(folder) for folder in (found.submodule_search_locations or [])] if found else []
    files = (folder / "rllib" / "algorithms" / "algorithm_config.py" for folder in folders)
    return next((file.read_text(encoding="utf-8") for file in files if file.is_file()), "")
