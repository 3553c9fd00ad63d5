"""Environments made from Python, whatever they are given as: what `rllib_remix.make_team_env` is.

What is ours or PettingZoo's is made without loading Ray.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.envs import registry
from rllib_remix.envs.team_env import TeamEnv
from rllib_remix.errors import SettingError, shown
from rllib_remix.settings import check_number

_ADAPTER_KEY = "team_adapter"


def make_team_env(
    env: Any,
    env_config: Mapping[str, Any] | None = None,
    num_envs: int = 1,
    *,
    team_adapter: Mapping[str, Any] | None = None,
) -> TeamEnv:
    """Copies of an environment, as one TeamEnv.

    Args:
        env: the name of one of ours, anything that `config.environment(env=…)` takes (a name, a path, a class or a
            function), or an environment that is made: a PettingZoo `ParallelEnv` or an RLlib `MultiAgentEnv`, of which
            there is this one copy.
        env_config: its settings.
        num_envs: how many copies.
        team_adapter: options of an adapted environment, such as {"state": "observations"}; also in `env_config`.

    Raises:
        SettingError: no such environment, or a setting that cannot be, with the nearest valid name.
    """
    config = dict(env_config or {})
    if team_adapter is not None:
        config[_ADAPTER_KEY] = dict(team_adapter)
    if isinstance(env, str) and env in registry.TEAM_ENVS:
        return registry.make_team_env(env, config, num_envs)
    if isinstance(env, str) or callable(env):
        from rllib_remix.rollout.building import build_team_env  # loads Ray, but does not start it

        check_number("num_envs", num_envs, low=1, integer=True)
        return build_team_env(env, config, int(num_envs))
    return _adapted(env, config, num_envs)


def _adapted(env: Any, config: dict[str, Any], num_envs: int) -> TeamEnv:
    """The one copy that an environment which is made already is of itself."""
    options = config.pop(_ADAPTER_KEY, {})
    if config:
        raise SettingError(
            f"env_config: {shown(config)} has no effect on a {type(env).__name__} that is made already; give what makes "
            "it: a function or a class."
        )
    if num_envs != 1:
        raise SettingError(
            f"num_envs: {shown(num_envs)} is not possible with a {type(env).__name__} that is made already, which is one "
            "copy; give what makes it: a function or a class."
        )
    if isinstance(env, TeamEnv):
        return env
    from rllib_remix.envs.foreign.adapters import adapt

    return adapt(lambda _: env, 1, options)
