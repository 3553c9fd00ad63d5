"""Finds weightings by name, those of users' modules too, in whatever process asks.

A user's module registers one with `register_weighting`. The name alone is known where that module was imported, and, as
RLlib's registered environments are, in the processes that Ray starts for a run whose settings were checked there. The
name behind the module's, as in `my_module.mine`, imports the module wherever it is not yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import SCHEMES, Scheme, Weights
from rllib_remix.settings import check_choice

_SHIPPED = frozenset(SCHEMES)


def register_weighting(
    name: str,
    function: Callable[..., Weights],
    *,
    needs_q_star: bool = True,
    needs_mixer_gradient: bool = False,
    terms: Sequence[str] = (),
    shares: Sequence[str] = (),
) -> None:
    """Makes a weighting of your own known: settings then take it as `weighting: NAME`, or `weighting: MODULE.NAME`.

    Registering the same function again is harmless.

    Args:
        name: letters, digits and underscores.
        function: takes `WeightingInputs`, and its settings as keyword arguments with defaults, annotated with what they
            may be as those of `rllib_remix.learning.weighting` are; returns `Weights` [B, T], finite, never negative
            and 0 on padding.
        needs_q_star: whether it reads `q_star`, which then learns too.
        needs_mixer_gradient: whether it reads `mixer_gradient`.
        terms: names of its float32 terms, logged as `<term>_mean` and `<term>_std`.
        shares: names of its bool terms, logged as `<name>_share`.

    Raises:
        SettingError: the name cannot be, or is taken.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise SettingError(
            f"register_weighting: {name!r} is not allowed as a name; it must be letters, digits and underscores."
        )
    if name in SCHEMES and not _is_same(SCHEMES[name].function, function):
        there = SCHEMES[name].function
        raise SettingError(
            f"register_weighting: the name {name!r} is taken, by {there.__module__}.{there.__qualname__}; choose another."
        )
    SCHEMES[name] = Scheme(function, needs_q_star, needs_mixer_gradient, tuple(terms), tuple(shares))


def find_scheme(name: str) -> Scheme:
    """The weighting of that name; see the module's docstring for where it may come from.

    Raises:
        SettingError: there is none; suggests the nearest.
    """
    if not isinstance(name, str) or name not in SCHEMES:
        _load(name)
    return SCHEMES[name]


def share_with_workers(name: str) -> None:
    """Leaves a weighting that is not ours in Ray's registry, for the processes of a run that do not know it."""
    if name in _SHIPPED or "." in name:
        return
    from ray.tune.registry import register_input

    scheme = SCHEMES[name]
    register_input(_ray_key(name), lambda: scheme)


def _load(name: Any) -> None:
    """Enters into SCHEMES what a module or another process has registered."""
    module, _, own_name = str(name).rpartition(".")
    if not module and not _was_shared(name):
        _refuse(name)
    if not module:
        from ray.tune.registry import registry_get_input

        SCHEMES[name] = registry_get_input(_ray_key(name))()
        return
    try:
        import_module(module)
    except (Exception, SystemExit) as error:  # Importing a module runs its code.
        raise SettingError(f"weighting: cannot import {name!r}: {type(error).__name__}: {error}.") from error
    if own_name not in SCHEMES:
        raise SettingError(
            f"weighting: {name!r} is not allowed: {module!r} registers no weighting {own_name!r}; it must call "
            f"rllib_remix.register_weighting({own_name!r}, …)."
        )
    SCHEMES[name] = SCHEMES[own_name]


def _was_shared(name: Any) -> bool:
    from ray.tune.registry import registry_contains_input

    return isinstance(name, str) and registry_contains_input(_ray_key(name))


def _refuse(name: Any) -> None:
    try:
        check_choice("weighting", name, SCHEMES)
    except SettingError as error:
        raise SettingError(
            f"{error} Or one that a module of yours registers (rllib_remix.register_weighting): my_module.mine."
        ) from None


def _ray_key(name: str) -> str:
    return f"rllib_remix.weighting.{name}"


def _is_same(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Also if the module was loaded twice, as where code travels by value."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
