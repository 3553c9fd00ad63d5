"""The environments that ship with rllib_remix, by the names that users give."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rllib_remix.errors import unknown
from rllib_remix.settings import check_keys

if TYPE_CHECKING:
    from rllib_remix.envs.team_env import TeamEnv

TEAM_ENVS: dict[str, str] = {
    "predator_prey": "rllib_remix.envs.predator_prey:PredatorPrey",
    "matrix_game": "rllib_remix.envs.matrix_games:MatrixGame",
    "two_step_game": "rllib_remix.envs.matrix_games:TwoStepGame",
    "smac_sim": "rllib_remix.envs.smac_sim.simulator:SmacSim",
    "smac": "rllib_remix.envs.smac.env:Smac",
    "smacv2": "rllib_remix.envs.smac.env:Smacv2",
}


def make_team_env(env: str, env_config: dict[str, Any] | None = None, num_envs: int = 1) -> TeamEnv:
    """`num_envs` copies of a shipped environment.

    Raises:
        SettingError: unknown environment or setting, with the nearest valid name; a value out of its range.
    """
    if env not in TEAM_ENVS:
        raise unknown("env", env, TEAM_ENVS)
    module, _, class_name = TEAM_ENVS[env].partition(":")
    env_class = getattr(import_module(module), class_name)
    check_keys(f"env_config of {env!r}", env_config or {}, _setting_names(env_class))
    return env_class(num_envs=num_envs, **(env_config or {}))


def _setting_names(env_class: Any) -> list[str]:
    """What `env_config` may hold: an environment of many settings says it, the others' arguments show it."""
    if hasattr(env_class, "setting_names"):
        return env_class.setting_names()
    parameters = inspect.signature(env_class.__init__).parameters
    return [name for name in parameters if name not in ("self", "num_envs")]
