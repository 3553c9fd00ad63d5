"""From an RLlib environment setting to a vectorised TeamEnv."""

from __future__ import annotations

import inspect
from typing import Any, TypeGuard

from ray.rllib.env.env_context import EnvContext
from ray.tune.registry import ENV_CREATOR, _global_registry

from rllib_remix.envs.closing import close_quietly
from rllib_remix.envs.foreign.options import check_options
from rllib_remix.envs.naming.names import find_maker
from rllib_remix.envs.registry import TEAM_ENVS, make_team_env
from rllib_remix.envs.team_env import TeamEnv
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_keys

ADAPTER_KEY = "team_adapter"


def build_team_env(
    env: Any,
    env_config: dict[str, Any],
    num_envs: int,
    *,
    worker_index: int = 0,
    num_workers: int = 0,
    only_first: bool = False,
    num_processes: int = 0,
) -> TeamEnv:
    """`num_envs` copies of any environment that RLlib's `environment(env=…)` accepts here.

    A TeamEnv class is called with `num_envs` and the config. Anything else (see `find_maker`) gets the config as an
    EnvContext or as keyword arguments, and returns a TeamEnv (of `context.num_envs` copies) or an environment of
    another kind, which is made `num_envs` times and adapted, with the options under `env_config["team_adapter"]`, here
    or in `num_processes` processes. With `only_first`, the latter is made once, to be looked at; all copies of VMAS are
    one object anyway.

    Raises:
        SettingError: unknown environment, or one that is none of these; or a TeamEnv that is to be in processes.
    """
    if num_processes:
        check_may_be_spread(env, num_processes)
    if is_shipped(env):
        return make_team_env(env, dict(env_config), num_envs)
    maker = find_maker(env)
    config = dict(env_config)
    options = config.pop(ADAPTER_KEY, {})
    creator: Any = maker.create
    if isinstance(creator, type) and issubclass(creator, TeamEnv):
        _check_settings(creator, config)
        return creator(num_envs=num_envs, **config)  # type: ignore[call-arg]

    def make(index: int) -> Any:
        context = EnvContext(config, worker_index=worker_index, vector_index=index, num_workers=num_workers)
        context.num_envs = num_envs  # type: ignore[attr-defined]
        return maker.make(context)

    if num_processes:
        from rllib_remix.envs.processes.team import ProcessTeamEnv

        return ProcessTeamEnv(make, num_envs, num_processes, options)
    check_options(options)
    first = make(0)
    if not isinstance(first, TeamEnv):
        from rllib_remix.envs.foreign.adapters import adapt
        from rllib_remix.envs.foreign.kinds.vmas import is_vmas

        copies = 1 if only_first and not is_vmas(first) else num_envs
        return adapt(lambda index: first if index == 0 else make(index), copies, options)
    if first.num_envs != num_envs:
        close_quietly([first])
        raise SettingError(
            f"env {env!r}: its creator returned {first.num_envs} copies, but num_envs_per_env_runner is "
            f"{num_envs}; create `context.num_envs` copies."
        )
    return first


def check_may_be_spread(env: Any, num_processes: int) -> None:
    """Raises SettingError for a TeamEnv: it steps all its copies itself."""
    known = env if is_shipped(env) else find_maker(env).create
    if is_shipped(known) or (isinstance(known, type) and issubclass(known, TeamEnv)):
        name = known if isinstance(known, str) else known.__name__
        raise SettingError(
            f"num_env_processes: {num_processes} is not allowed with {name!r}, a TeamEnv, which steps all its copies "
            "itself; it must be 0. Environments of others may be spread over processes."
        )


def _check_settings(env_class: type[TeamEnv], config: dict[str, Any]) -> None:
    """Raises SettingError for a setting that the class does not take."""
    parameters = inspect.signature(env_class).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        names = [parameter.name for parameter in parameters if parameter.name != "num_envs"]
        check_keys(f"env_config of {env_class.__name__}", map(str, config), names)


def is_shipped(env: Any) -> TypeGuard[str]:
    """Whether `env` names an environment of ours, and nobody registered another under that name."""
    if not isinstance(env, str) or env not in TEAM_ENVS:
        return False
    if not _global_registry.contains(ENV_CREATOR, env):
        return True
    return getattr(_global_registry.get(ENV_CREATOR, env), "is_shipped", False)
