"""Whether an environment exists, and can be made with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.experiments.user_modules import load_class


def check_environment(env: object, env_config: Any = None) -> None:
    """Checks that an environment of this name exists: ours, one registered with Ray, Gymnasium's, or a class path.

    Raises:
        UserError: if it does not.
        SettingError: if it is ours and its settings cannot be, or it is nearly one of ours.
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
    from rllib_remix.envs.registry import TEAM_ENVS, make_team_env

    if env in TEAM_ENVS:
        make_team_env(env, dict(env_config or {}), 1).close()
        return
    if _is_registered_with_ray(env) or _is_in_gymnasium(env):
        return
    if "." in env and "/" not in env:
        load_class("--env", env)
        return
    import gymnasium

    guess = nearest(env, [*TEAM_ENVS, *gymnasium.registry])
    hint = f"; did you mean {guess!r}?" if guess else "."
    allowed = (
        f"{', '.join(sorted(TEAM_ENVS))}, a Gymnasium id such as CartPole-v1, or the path of a class or function, such as "
        "my_module.make with my_module.py in this folder. Names that a script registers (register_env) are its own"
    )
    raise UserError(f"--env: unknown environment {shown(env)}{hint} Allowed: {allowed}.")


def check_environment_settings(owner: str, env_config: object) -> None:
    """Raises UserError unless settings of an environment map names to values, or there are none."""
    if env_config is not None and not isinstance(env_config, Mapping):
        raise UserError(f"{owner}: must map names to values, got {shown(env_config)}.")


def _is_registered_with_ray(env: str) -> bool:
    from ray.tune.registry import ENV_CREATOR, _global_registry

    return bool(_global_registry.contains(ENV_CREATOR, env))


def _is_in_gymnasium(env: str) -> bool:
    import gymnasium

    try:
        gymnasium.spec(env)
    except Exception:  # "module:id" imports the module, which runs its code.
        return False
    return True
