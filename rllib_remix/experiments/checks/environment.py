"""Whether an environment exists, and can be made with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.user_modules import find_modules_in


def check_environment(env: object, env_config: Any = None) -> None:
    """Checks that there is an environment of this name: see `find_maker` for what it may be.

    Raises:
        UserError: if none is given, or its settings are no mapping.
        SettingError: if there is none of the name, or it is ours and its settings cannot be.
    """
    if env is None:
        raise UserError("--env: no environment given; for example --env predator_prey.")
    check_environment_settings("env_config", env_config)
    if not isinstance(env, str):
        if not callable(env):
            raise UserError(
                f"--env: {shown(env)} is not allowed; it must name an environment, such as predator_prey."
            )
        return
    from rllib_remix.envs.naming.names import find_maker
    from rllib_remix.envs.registry import TEAM_ENVS, make_team_env

    if env in TEAM_ENVS:
        make_team_env(env, dict(env_config or {}), 1).close()
        return
    find_modules_in(Path.cwd())
    find_maker(env, "--env")


def check_environment_settings(owner: str, env_config: object) -> None:
    """Raises UserError unless settings of an environment map names to values, or there are none."""
    if env_config is not None and not isinstance(env_config, Mapping):
        raise UserError(f"{owner}: must map names to values, got {shown(env_config)}.")
