"""Finds weightings by name, those of users' modules too, in whatever process asks.

A user's module registers one with `register_weighting`. The name alone is known where that module was imported, and, as
RLlib's registered environments are, in the processes that Ray starts for a run whose settings were checked there. The
name behind the module's, as in `my_module.mine`, imports the module wherever it is not yet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from rllib_remix.errors import MAX_SHOWN, SettingError, nearest, printable, shown, unknown
from rllib_remix.learning.weighting import SCHEMES, Scheme, Weights
from rllib_remix.settings import OneOf
from rllib_remix.value_based.registering import NAME, check_scheme, is_name, is_same

_SHIPPED = frozenset(SCHEMES)
_REGISTERED_BY: dict[str, set[str]] = {}  # a weighting's name → the modules that registered it


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

    Registering the same function again is harmless, and so is running its module or script again.

    Args:
        name: ASCII letters, digits and underscores.
        function: takes `WeightingInputs`, and its settings as keyword arguments behind a `*`, with defaults, annotated
            with what they may be as those of `rllib_remix.learning.weighting` are; returns `Weights` [B, T], finite,
            never negative and 0 on padding. A setting `disable` must be a list of names.
        needs_q_star: whether it reads `q_star`, which then learns too.
        needs_mixer_gradient: whether it reads `mixer_gradient`.
        terms: names of its float32 terms, logged as `<term>_mean` and `<term>_std`.
        shares: names of its bool terms, logged as `<name>_share`.

    Raises:
        SettingError: the name cannot be, or is taken, or the function or its settings cannot be used.
    """
    if not is_name(name):
        raise SettingError(f"register_weighting: {shown(name)} is not allowed as a name; it must be {NAME}.")
    if name in _SHIPPED:
        raise _taken(name)
    given = Scheme(function, needs_q_star, needs_mixer_gradient, terms, shares)  # type: ignore[arg-type]
    check_scheme(f"register_weighting of {name!r}", given)
    if name in SCHEMES and not is_same(SCHEMES[name].function, function):
        raise _taken(name)
    SCHEMES[name] = given._replace(terms=tuple(terms), shares=tuple(shares))
    _REGISTERED_BY.setdefault(name, set()).add(sys._getframe(1).f_globals.get("__name__", ""))


class AnyWeighting(OneOf):
    """A setting that is the name of a weighting, shipped or a user's."""

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless there is such a weighting."""
        find_scheme(value)


def find_scheme(name: Any) -> Scheme:
    """The weighting of that name; see the module's docstring for where it may come from.

    Raises:
        SettingError: there is none; suggests the nearest.
    """
    if isinstance(name, str) and name in SCHEMES:
        return SCHEMES[name]
    if not isinstance(name, str) or not all(map(is_name, name.split("."))):
        raise _unknown(name)
    module, _, own_name = name.rpartition(".")
    return _scheme_of_module(module, own_name) if module else _shared_scheme(name)


def own_schemes(names: Iterable[Any]) -> dict[str, Scheme]:
    """Those of these names that were registered here, for other processes, which may know the name alone."""
    return {
        name: SCHEMES[name]
        for name in names
        if isinstance(name, str) and name in SCHEMES and name not in _SHIPPED
    }


def know_again(schemes: Mapping[str, Scheme]) -> None:
    """Enters `own_schemes` of another process, in the place of what is registered here, and shares them with workers."""
    for name, scheme in schemes.items():
        if name not in _SHIPPED:
            SCHEMES[name] = scheme
            share_with_workers(name)


def share_with_workers(name: str) -> None:
    """Leaves a weighting that is not ours in Ray's registry, for the processes of a run that do not know it."""
    if name in _SHIPPED or "." in name:
        return
    from ray.tune.registry import register_input

    scheme = SCHEMES[name]
    register_input(_ray_key(name), lambda: scheme)


def _shared_scheme(name: str) -> Scheme:
    """What another process of the run has left in Ray's registry; it is entered into SCHEMES."""
    from ray.tune.registry import registry_contains_input, registry_get_input

    if not registry_contains_input(_ray_key(name)):
        raise _unknown(name)
    SCHEMES[name] = registry_get_input(_ray_key(name))()
    return SCHEMES[name]


def _scheme_of_module(module: str, own_name: str) -> Scheme:
    """What a module, or a part of it, has registered, or a function of it."""
    path = f"{module}.{own_name}"
    try:
        import_module(module)
    except (Exception, SystemExit) as error:  # Importing a module runs its code.
        said = printable(f"{type(error).__name__}: {error}")[:MAX_SHOWN]
        raise SettingError(f"weighting: cannot import {shown(path)}: {said}.") from error
    own = [name for name, scheme in SCHEMES.items() if _is_of(module, name, scheme)]
    if own_name in own:
        return SCHEMES[own_name]
    guess = nearest(path, [*SCHEMES, *(f"{module}.{name}" for name in own)])
    hint = f"; did you mean {guess!r}? The module" if guess else "; it"
    raise SettingError(
        f"weighting: {shown(path)} is not allowed: {shown(module)} registers no weighting {shown(own_name)}{hint} must "
        f"call rllib_remix.register_weighting({shown(own_name)}, …)."
    )


def _is_of(module: str, name: str, scheme: Scheme) -> bool:
    modules = {scheme.function.__module__, *_REGISTERED_BY.get(name, ())}
    return any(f"{each}.".startswith(f"{module}.") for each in modules)


def _unknown(name: object) -> SettingError:
    return SettingError(
        f"{unknown('weighting', name, SCHEMES)} Or one that a module of yours registers "
        "(rllib_remix.register_weighting): my_module.mine."
    )


def _taken(name: str) -> SettingError:
    there = SCHEMES[name].function
    return SettingError(
        f"register_weighting: the name {name!r} is taken, by {there.__module__}.{there.__qualname__}; choose another."
    )


def _ray_key(name: str) -> str:
    return f"rllib_remix.weighting.{name}"
