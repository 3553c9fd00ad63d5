"""Environments of Gymnasium's registry: "CartPole-v1", and "lbforaging:Foraging-8x8-2p-2f-v3" of a module to import."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from rllib_remix.envs.naming.elsewhere import module_that_registers, nearest_id
from rllib_remix.envs.naming.importing import load_path
from rllib_remix.envs.naming.maker import Maker, keywords_of
from rllib_remix.errors import SettingError, nearest, shown


def find_in_gymnasium(option: str, name: str, wanted: str) -> Maker:
    """What makes "CartPole-v1" or "lbforaging:Foraging-8x8-2p-2f-v3".

    Args:
        option: how messages call the setting.
        name: the whole name that the user gave.
        wanted: what of it is Gymnasium's: an id, or a module that registers it, a colon and the id.

    Raises:
        SettingError: the module cannot be imported, or registers no such id; names the nearest.
    """
    import gymnasium

    module, _, env_id = wanted.rpartition(":")
    if module:
        load_path(option, module)
    if not is_registered(env_id):
        raise _unknown_id(option, module, env_id)
    create = functools.partial(gymnasium.make, env_id, disable_env_checker=True)
    return Maker(name, create, settings=_settings(env_id), is_of_gymnasium=True)


def is_registered(env_id: str) -> bool:
    """Whether an id is registered now."""
    import gymnasium

    return env_id in gymnasium.registry


def _unknown_id(option: str, module: str, env_id: str) -> SettingError:
    import gymnasium

    if module:
        guess = nearest_id(env_id, module.partition(".")[0])
        found = f"{module}:{guess}" if guess else None
    else:
        found = module_that_registers(env_id) or nearest(env_id, gymnasium.registry)
    hint = f"; did you mean {found!r}?" if found else "."
    owner = f"the module {shown(module)} registers" if module else "Gymnasium has"
    return SettingError(
        f"{option}: {owner} no environment {shown(env_id)}{hint} Allowed: an id of Gymnasium's registry, with the module "
        "that registers it in front, such as lbforaging:Foraging-8x8-2p-2f-coop-v3."
    )


def _settings(env_id: str) -> list[str]:
    """What an environment takes, and what `gymnasium.make` does for all."""
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    spec = gymnasium.spec(env_id)
    of_all = [
        each.name
        for each in inspect.signature(gymnasium.make).parameters.values()
        if each.kind is not each.VAR_KEYWORD and each.name not in ("id", "disable_env_checker")
    ]
    try:
        point: Any = spec.entry_point
        creator = load_env_creator(point) if isinstance(point, str) else point
        own = keywords_of(creator)
    except (ImportError, AttributeError):
        own = []
    return [*own, *(each for each in of_all if each not in own)]
