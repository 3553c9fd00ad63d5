"""Packages of environments that users name, with what installs them, and those that have moved."""

from __future__ import annotations

# Top-level module -> what pip installs it by.
_INSTALLED_BY = {
    "ale_py": "ale-py",
    "gym_multigrid": "gym-multigrid",
    "lbforaging": "lbforaging",
    "magent2": "magent2",
    "mpe2": "mpe2",
    "multi_agent_ale_py": "multi-agent-ale-py",
    "overcooked_ai_py": "overcooked-ai",
    "pogema": "pogema",
    "rware": "rware",
    "shimmy": "shimmy",
    "supersuit": "supersuit",
    "vmas": "vmas",
}
_FAMILIES = ("atari", "butterfly", "classic", "sisl")  # of PettingZoo, each with an extra of its name

# How ids begin that a package registers with Gymnasium when it is imported -> the package.
_REGISTERS = {"foraging": "lbforaging", "rware": "rware", "smaclite/": "smaclite", "ale/": "ale_py"}

_MOVED = {"pettingzoo.mpe": "mpe2", "pettingzoo.magent": "magent2.environments"}


def installation(missing: str, path: str) -> str:
    """The command that installs a package, or nothing if it is not known.

    Args:
        missing: the top-level module that was not found.
        path: what the user named, which may be a PettingZoo environment that needs it.
    """
    owner, _, rest = path.replace("/", ".").removeprefix("pettingzoo.").partition(".")
    if rest and owner in _FAMILIES:
        return f'pip install "pettingzoo[{owner}]"'
    return f"pip install {_INSTALLED_BY[missing]}" if missing in _INSTALLED_BY else ""


def moved(path: str) -> str:
    """A sentence that names the module that a path leads to now, or nothing."""
    for old, new in _MOVED.items():
        if path == old or path.startswith(f"{old}."):
            return f" Did you mean {new + path.removeprefix(old)!r}?"
    return ""


def registering_package(env_id: str) -> str | None:
    """The package that registers an id with Gymnasium when it is imported, as far as that is known."""
    return next((each for start, each in _REGISTERS.items() if env_id.lower().startswith(start)), None)


def known_modules() -> list[str]:
    """The top-level modules of packages that are known here, installed or not."""
    return list(_INSTALLED_BY)
