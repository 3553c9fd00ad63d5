"""PettingZoo's environments: modules with `parallel_env` or `env`, and the ids of PettingZoo's own registry."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from rllib_remix.envs.naming.importing import load_path, modules_in
from rllib_remix.envs.naming.maker import Maker, keywords_of
from rllib_remix.envs.naming.packages import installation
from rllib_remix.envs.parallel import parallel_env
from rllib_remix.errors import SettingError, nearest, shown

_MAKERS = ("parallel_env", "env", "raw_env")  # the first is taken that a module has
_KINDS = ("parallel", "aec")  # of the registry, likewise


def find_in_pettingzoo(option: str, name: str, wanted: str) -> Maker:
    """What makes "mpe2.simple_spread_v3", or "butterfly/pistonball-v6".

    Args:
        option: how messages call the setting.
        name: the whole name that the user gave.
        wanted: what of it names the environment.

    Raises:
        SettingError: there is no such environment; names the nearest.
    """
    if (found := of_registry(option, name, wanted)) is not None:
        return found
    if "/" in wanted or not wanted:
        raise _unknown_id(option, wanted)
    loaded = load_path(option, wanted)
    if isinstance(loaded, ModuleType):
        return of_module(option, name, loaded)
    if not callable(loaded):
        raise SettingError(
            f"{option}: {shown(wanted)} is of type {type(loaded).__name__}; allowed: the path of a module, a class or a "
            "function that makes the environment."
        )
    return Maker(name, loaded, settings=keywords_of(loaded))


def of_module(option: str, name: str, module: ModuleType) -> Maker:
    """What makes the environment of a module.

    Raises:
        SettingError: it has nothing that does; names the nearest module in it.
    """
    if (create := _maker_in(module)) is not None:
        # What wraps the class hides its arguments.
        owner = getattr(module, "raw_env", create)
        return Maker(name, create, settings=keywords_of(owner) or keywords_of(create))
    named = name.rpartition(":")[2]
    inside = [f"{named}.{each}" for each in (*modules_in(module), *_defined_in(module))]
    listed = f": {', '.join(inside[:15])}{', …' if len(inside) > 15 else ''}" if inside else ""
    raise SettingError(
        f"{option}: the module {shown(named)} ({getattr(module, '__file__', None) or 'built in'}) has no "
        f"{', '.join(_MAKERS[:-1])} or {_MAKERS[-1]}; allowed: what in it makes the environment{listed}."
    )


def _defined_in(module: ModuleType) -> list[str]:
    """The classes and functions that a module defines itself."""
    own = (
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
    )
    return [name for name in own if callable(getattr(module, name)) and not name.startswith("_")]


def has_maker(module: ModuleType) -> bool:
    """Whether a module is one of PettingZoo's form."""
    return _maker_in(module) is not None


def _maker_in(module: ModuleType) -> Any:
    """Of PettingZoo's form; `rllib_remix.parallel_env`, which a user's module may import, is for names of our own."""
    found = (getattr(module, attribute, None) for attribute in _MAKERS)
    return next((each for each in found if callable(each) and each is not parallel_env), None)


def of_registry(option: str, name: str, wanted: str) -> Maker | None:
    """What makes an id of PettingZoo's registry, with or without its version; None if it has no such id."""
    for kind, registry in _registries():
        for env_id in (wanted, _newest(wanted, registry)):
            if env_id in registry:
                return Maker(
                    name, functools.partial(_make, option, kind, env_id), settings=_settings(registry[env_id])
                )
    return None


def registered_ids() -> list[str]:
    """All ids of PettingZoo's registry; none of versions that have no registry."""
    return list(dict.fromkeys(env_id for _, registry in _registries() for env_id in registry))


def _registries() -> Iterator[tuple[str, dict[str, Any]]]:
    import pettingzoo

    for kind in _KINDS:
        yield kind, getattr(pettingzoo, f"{kind}_registry", {})


def _make(option: str, kind: str, env_id: str, **settings: Any) -> Any:
    import pettingzoo

    try:
        return pettingzoo.make(kind, env_id, **settings)  # type: ignore[call-overload]
    except Exception as error:
        cause = (
            error if isinstance(error, ImportError) else error.__cause__
        )  # its registry has an error of its own
        if not isinstance(cause, ImportError):
            raise
        how = installation("", env_id)
        advice = f" Install it with: {how}" if how else ""
        raise SettingError(
            f"{option}: {shown(env_id)} cannot be imported: {type(cause).__name__}: {cause}.{advice}"
        ) from error


def _newest(wanted: str, registry: dict[str, Any]) -> str | None:
    versions = [each for each in registry if each.rpartition("-v")[0] == wanted]
    return max(versions, key=lambda each: int(each.rpartition("-v")[2]), default=None)


def _settings(spec: Any) -> list[str]:
    """What an entry of the registry takes, as far as that can be seen without importing it."""
    try:
        module, _, attribute = str(spec.entry_point).partition(":")
        loaded = importlib.import_module(module)
        owner = getattr(loaded, "raw_env", None) or getattr(loaded, attribute)
    except (ImportError, AttributeError):
        return []
    return keywords_of(owner)


def _unknown_id(option: str, wanted: str) -> SettingError:
    ids = registered_ids()
    guess = nearest(wanted, ids)
    hint = f"; did you mean {guess!r}?" if guess else "."
    return SettingError(
        f"{option}: PettingZoo has no environment {shown(wanted)}{hint} Allowed: the path of a module, such as "
        f"mpe2.simple_spread_v3{', or an id of its registry, such as ' + ids[-1] if ids else ''}."
    )
