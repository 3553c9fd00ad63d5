"""Makes algorithms of users known by name, as those of the table are."""

from __future__ import annotations

from typing import Any

from rllib_remix.algorithms.table import (
    ALGORITHMS,
    OTHER_NAMES,
    Entry,
    algorithm_class,
    check_config,
    is_of_user,
)
from rllib_remix.errors import SettingError, shown
from rllib_remix.value_based.registering import NAME, is_name, is_same


def register_algorithm(algorithm: Any, *, text: str = "") -> Any:
    """Makes an algorithm of your own known under its class's name; to be called, or written above the class as @….

    It then can be trained by that name wherever its module was imported, and as `--algo my_module.MyAlgorithm` anywhere.
    Registering the same class again is harmless, and so is running its module or script again.

    Args:
        algorithm: a subclass of TeamAlgorithm, such as QMIX, whose `get_default_config` gives a config of its own.
        text: what it is, for lists; the first line of its docstring if left out.

    Returns:
        The class.

    Raises:
        SettingError: it is no TeamAlgorithm, its config is that of another algorithm, or its name cannot be, or is
            taken, by one of ours or of RLlib's.
    """
    from ray.tune.registry import register_trainable

    from rllib_remix.team.algorithm import TeamAlgorithm

    if not (isinstance(algorithm, type) and issubclass(algorithm, TeamAlgorithm)):
        raise SettingError(
            f"register_algorithm: {shown(algorithm)} is not allowed; it must be a subclass of TeamAlgorithm, such as QMIX."
        )
    name = algorithm.__name__
    _check_name(name)
    if name in ALGORITHMS and not is_of_user(name) and algorithm_class(name) is algorithm:
        return algorithm  # one of ours
    _check_is_free(algorithm)
    _check_config(algorithm)
    first_line = (algorithm.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    ALGORITHMS[name] = Entry(text or first_line or f"of {algorithm.__module__}", algorithm)
    register_trainable(name, algorithm)
    return algorithm


def _check_name(name: str) -> None:
    if not is_name(name):
        raise SettingError(f"register_algorithm: {shown(name)} is not allowed as a name; it must be {NAME}.")
    if name.endswith("Config"):
        raise SettingError(
            f"register_algorithm: the name {name!r} is not allowed: `rllib_remix` offers configs under such names; "
            "it must not end in 'Config'."
        )


def _check_is_free(algorithm: type) -> None:
    from ray.rllib.algorithms.registry import ALGORITHMS as OF_RLLIB

    name, by = algorithm.__name__, None
    if name in ALGORITHMS:
        there = algorithm_class(name)
        by = None if is_same(there, algorithm) else f"{there.__module__}.{there.__qualname__}"
    elif name in OTHER_NAMES:
        by = f"rllib_remix.{name}"
    elif name in OF_RLLIB:
        by = "RLlib"
    if by is not None:
        raise SettingError(
            f"register_algorithm: the name {name!r} is taken, by {by}; give the class another."
        )


def _check_config(algorithm: Any) -> None:
    """Also done when it is used: above a class, as a decorator, its config cannot name it yet."""
    try:
        config = algorithm.get_default_config()
    except (NameError, AttributeError):
        return
    check_config("register_algorithm", algorithm, config)
