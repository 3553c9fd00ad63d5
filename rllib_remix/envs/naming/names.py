"""From what a user gives as `env` to what makes the environment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from rllib_remix.envs.foreign.kinds.vmas import vmas_creator
from rllib_remix.envs.naming.elsewhere import find_elsewhere, module_that_registers
from rllib_remix.envs.naming.gymnasium_ids import find_in_gymnasium, is_registered
from rllib_remix.envs.naming.importing import (
    find_current_folder,
    is_module,
    load_file,
    load_path,
    names_in_file,
)
from rllib_remix.envs.naming.maker import Maker, of_callable
from rllib_remix.envs.naming.zoo import find_in_pettingzoo, has_maker, of_module, of_registry, registered_ids
from rllib_remix.envs.registry import TEAM_ENVS
from rllib_remix.errors import SettingError, nearest, shown

ALLOWED = (
    "a PettingZoo environment (mpe2.simple_spread_v3, butterfly/pistonball-v6), a Gymnasium id "
    "(CartPole-v1, lbforaging:Foraging-8x8-2p-2f-coop-v3), or what makes the environment (my_module.make or my_file.py:make "
    "in this folder). Names that a script registers (register_env) are its own"
)

# What stands before a colon to say whose name follows -> (option, whole name, what follows) → what makes it.
PREFIXES: dict[str, Callable[[str, str, str], Maker]] = {
    "pettingzoo": find_in_pettingzoo,
    "gymnasium": find_in_gymnasium,
    "vmas": lambda option, name, scenario: Maker(name, vmas_creator(scenario), takes_config=True),
}


def find_maker(env: Any, option: str = "env") -> Maker:
    """What makes an environment that is not shipped with this package.

    In this order: a name registered with Ray; `pettingzoo:…` and `gymnasium:…`; `file.py:NAME`; `module:id` of
    Gymnasium; an id of Gymnasium's or PettingZoo's registry; the path of a module (`parallel_env`, else `env` or
    `raw_env`), a class or a function. A class or function itself is taken as well.

    Args:
        env: a name, a class or a function. Modules that the name leads to are imported, which runs them.
        option: how messages call the setting.

    Raises:
        SettingError: there is none, or it cannot be imported; names the nearest valid name, or what to install.
    """
    if env is None:
        raise SettingError(f'{option}: no environment given; for example .environment("predator_prey").')
    if callable(env):
        return of_callable(getattr(env, "__name__", type(env).__name__), env)
    if isinstance(env, str):
        return _of_name(option, env)
    raise unknown_environment(option, env)


def registered_with_ray(name: str) -> Any:
    """What a user registered with Ray under this name, or None; Ray is not loaded to find out."""
    registry: Any = sys.modules.get("ray.tune.registry")
    if registry is None or not registry._global_registry.contains(registry.ENV_CREATOR, name):
        return None
    creator = registry._global_registry.get(registry.ENV_CREATOR, name)
    return None if getattr(creator, "is_of_a_name", False) else creator


def unknown_environment(option: str, env: Any) -> SettingError:
    """The error for a name that is none of those that are known, with the nearest."""
    import gymnasium

    guess = None
    if isinstance(env, str):
        guess = (
            module_that_registers(env)
            or nearest(env, [*TEAM_ENVS, *gymnasium.registry, *registered_ids()])
            or find_elsewhere(env)
        )
    hint = f"; did you mean {guess!r}?" if guess else "."
    return SettingError(
        f"{option}: unknown environment {shown(env)}{hint} Allowed: {', '.join(sorted(TEAM_ENVS))}, {ALLOWED}."
    )


def _of_name(option: str, name: str) -> Maker:
    find_current_folder()
    if (creator := registered_with_ray(name)) is not None:
        return Maker(name, creator, takes_config=True)
    kind, colon, rest = name.partition(":")
    if colon and kind in PREFIXES:
        return PREFIXES[kind](option, name, rest)
    if name.endswith(".py") or kind.endswith(".py"):
        return _of_file(option, name, kind, rest)
    if colon or is_registered(name):
        return find_in_gymnasium(option, name, name)
    if (found := of_registry(option, name, name)) is not None:
        return found
    if name == "vmas":  # which has names for its scenarios, not modules
        return PREFIXES[name](option, name, "")
    if ("." in name and "/" not in name) or is_module(name):
        return _of_path(option, name)
    raise unknown_environment(option, name)


def _of_path(option: str, name: str) -> Maker:
    loaded = load_path(option, name)
    if isinstance(loaded, ModuleType):
        return of_module(option, name, loaded)
    if getattr(loaded, "__module__", None) == "ray.rllib.env.wrappers.pettingzoo_env":
        raise SettingError(
            f"{option}: {shown(name)} is a wrapper, which needs an environment; give the one inside, such as "
            "mpe2.simple_spread_v3, or a function that returns the wrapper around it (my_file.py:make)."
        )
    return _checked(option, name, loaded)


def _of_file(option: str, name: str, file: str, attribute: str) -> Maker:
    """Of "file.py:make" what the file defines or registers with Ray; of "file.py" what it has as a PettingZoo module."""
    module = load_file(option, file)
    if not attribute:
        if has_maker(module):
            return of_module(option, name, module)
        raise SettingError(f"{option}: {shown(name)} does not say what of it to take; {_defined(file)}.")
    if hasattr(module, attribute):
        return _checked(option, name, getattr(module, attribute))
    if (creator := registered_with_ray(attribute)) is not None:
        return Maker(name, creator, takes_config=True)
    guess = nearest(attribute, names_in_file(file))
    hint = f"did you mean {f'{file}:{guess}'!r}?" if guess else f"{_defined(file)}."
    raise SettingError(f"{option}: {shown(file)} has no {shown(attribute)}; {hint}")


def _defined(file: str) -> str:
    names = names_in_file(file)
    return f"allowed: {', '.join(f'{file}:{name}' for name in names[:15])}" if names else "it defines nothing"


def _checked(option: str, name: str, creator: Any) -> Maker:
    if not callable(creator):
        raise SettingError(
            f"{option}: {shown(name)} is of type {type(creator).__name__}; allowed: the path of a class or a function "
            "that makes the environment."
        )
    return of_callable(name, creator)
