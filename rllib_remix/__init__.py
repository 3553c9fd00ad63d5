"""Cooperative multi-agent Q-learning for RLlib: QMIX with the ReMIX and MAC-PO loss weightings.

Names are loaded when they are first touched, so that what needs no Ray (`rllib_remix.policy`, the environments,
the pure functions) never loads it. Touching an algorithm, or calling `register()`, registers all algorithms and
environments with Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rllib_remix.algorithms.table import ALGORITHMS, algorithm_class, names_to_import
from rllib_remix.moved import install as find_moved_classes

__version__ = "0.1.0"

_OTHER_NAMES = {
    "register_algorithm": "rllib_remix.algorithms.table",
    "register_weighting": "rllib_remix.value_based.schemes",
    "TeamPolicy": "rllib_remix.policy",
    "TeamEnv": "rllib_remix.envs.team_env",
    "TeamStep": "rllib_remix.envs.team_env",
    "PredatorPrey": "rllib_remix.envs.predator_prey",
    "MatrixGame": "rllib_remix.envs.matrix_games",
    "TwoStepGame": "rllib_remix.envs.matrix_games",
    "make_team_env": "rllib_remix.envs.registry",
    "check_team_env": "rllib_remix.envs.checker",
    "parallel_env": "rllib_remix.envs.parallel",
    "MultiAgentReplayBuffer": "rllib_remix.replay.buffer",
    "PrioritizedMultiAgentReplayBuffer": "rllib_remix.replay.prioritized",
}

__all__ = ["register", *names_to_import(), *_OTHER_NAMES]


find_moved_classes()


def register() -> None:
    """Makes all algorithms and environments known to Ray under their names; calling it again is harmless."""
    from rllib_remix.algorithms.table import register as register_all

    register_all()


def __getattr__(name: str) -> Any:
    algorithm = name.removesuffix("Config")
    if algorithm in ALGORITHMS:
        register()
        found = algorithm_class(algorithm)
        return found if name == algorithm else type(found.get_default_config())
    if name in _OTHER_NAMES:
        return getattr(import_module(_OTHER_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *names_to_import()})
