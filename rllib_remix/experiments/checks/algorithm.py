"""Whether an algorithm can be run here, and can train on an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rllib_remix.errors import UserError
from rllib_remix.experiments.algorithm import is_of_team
from rllib_remix.experiments.old.effects import check_framework

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig


def check_api(config: AlgorithmConfig) -> None:
    """Raises UserError for a config of RLlib's old API stack.

    Python modules can give one; a dict of settings is checked when its names are translated.
    """
    check_framework("framework", config.framework_str)
    if not (config.enable_rl_module_and_learner and config.enable_env_runner_and_connector_v2):
        raise UserError(
            "api_stack: only RLlib's new API stack is run here; leave enable_rl_module_and_learner and "
            "enable_env_runner_and_connector_v2 on."
        )


def check_can_train(config: AlgorithmConfig, env: object) -> None:
    """Raises UserError for an environment of teams with an algorithm that is not for teams."""
    from rllib_remix.algorithms.table import ALGORITHMS
    from rllib_remix.envs.registry import TEAM_ENVS

    if env in TEAM_ENVS and not is_of_team(config):
        name = config.algo_class.__name__ if config.algo_class else type(config).__name__
        raise UserError(
            f"--env: {env!r} is played by teams, which {name} cannot train; use {', '.join(ALGORITHMS)}."
        )
