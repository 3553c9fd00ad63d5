"""Cooperative multi-agent reinforcement learning for RLlib: QMIX with the ReMIX and MAC-PO loss weightings, and others.

Names are loaded when they are first touched, so that what needs no Ray (`rllib_remix.policy`, the environments,
the pure functions) never loads it. Touching an algorithm, or calling `register()`, registers all algorithms and
environments with Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rllib_remix.algorithms.table import ALGORITHMS, OTHER_NAMES, algorithm_class, names_to_import
from rllib_remix.moved import install as find_moved_classes
from rllib_remix.supported import check_system

__version__ = "0.1.0"

__all__ = ["register", *names_to_import(), *OTHER_NAMES]

check_system()
find_moved_classes()


def register() -> None:
    """Makes all algorithms and environments known to Ray under their names; calling it again is harmless."""
    from rllib_remix.algorithms.table import register as register_all

    register_all()


def __getattr__(name: str) -> Any:
    algorithm = name.removesuffix("Config")
    if algorithm in ALGORITHMS:
        register()
        found = algorithm_class(algorithm)
        return found if name == algorithm else type(found.get_default_config())
    if name in OTHER_NAMES:
        return getattr(import_module(OTHER_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *names_to_import()})
