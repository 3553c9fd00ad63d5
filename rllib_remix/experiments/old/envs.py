"""Environments of RLlib's examples that moved, and how files of the old API stack configured a class."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from rllib_remix.experiments.old.settings_of_algorithms import TEAM
from rllib_remix.experiments.old.translation import NotTaken, Translation, each

_OLD = "ray.rllib.examples.env."
_NEW = "ray.rllib.examples.envs.classes"
_MULTI_AGENT = f"{_NEW}.multi_agent"

# RLlib's games that do not say how long an episode is, in env steps.
_LIMITS = {
    f"{_MULTI_AGENT}.two_step_game.{name}": 2 for name in ("TwoStepGame", "TwoStepGameWithGroupedAgents")
}


def translate_env(translation: Translation, key: str, value: Any) -> None:
    """The environment under the path that it has now."""
    translation.set(key, key, each(value, lambda env: _moved(translation, env)))


def _moved(translation: Translation, env: Any) -> Any:
    if not isinstance(env, str) or not env.startswith(_OLD):
        return env
    module, _, name = env.removeprefix(_OLD).rpartition(".")
    for place in (f"{_NEW}.{module}", f"{_MULTI_AGENT}.{module}", _MULTI_AGENT):
        try:
            getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
        translation.note("env", f"{env} is read as {place}.{name}.")
        return f"{place}.{name}"
    raise NotTaken(f"RLlib's examples have no {name} any more; give the path of an environment of your own")


def translate_env_config(translation: Translation) -> None:
    """The settings that a class given by path is called with, and the limit of episodes that a team must know."""
    env = translation.new.get("env")
    if not isinstance(env, str) or "." not in env:
        return
    _unwrap(translation, env)
    given = translation.new.get("env_config") or {}
    limit = _LIMITS.get(env)
    if translation.algorithm == TEAM and limit and isinstance(given, Mapping) and "team_adapter" not in given:
        translation.new["env_config"] = {**given, "team_adapter": {"episode_limit": limit}}
        translation.note(
            "env_config", f"gets team_adapter: {{episode_limit: {limit}}}, which the game does not say."
        )


def _unwrap(translation: Translation, env: str) -> None:
    """`env_config: {config: {…}}`, with the constructor's argument in front, as RLlib once called a class."""
    given = translation.new.get("env_config")
    if not isinstance(given, Mapping) or len(given) != 1:
        return
    ((argument, settings),) = given.items()
    if isinstance(settings, Mapping) and argument == _first_argument(env):
        translation.new["env_config"] = dict(settings)
        translation.note("env_config", f"is what it gives as {argument}, the constructor's argument.")


def _first_argument(env: str) -> str | None:
    """The name of the first argument of a class or function; None if that cannot be said."""
    module, _, name = env.rpartition(".")
    try:
        parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    except Exception:  # whatever the import of it does; the check of the environment tells
        return None
    return next(iter(parameters), None)
