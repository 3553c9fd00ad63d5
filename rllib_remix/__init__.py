"""Cooperative multi-agent Q-learning for RLlib: QMIX with the ReMIX and MAC-PO loss weightings.

Names are loaded when they are first touched, so that what needs no Ray (`rllib_remix.policy`, the environments,
the pure functions) never loads it. Touching an algorithm, or calling `register()`, registers all algorithms and
environments with Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rllib_remix.moved import install as find_moved_classes

__version__ = "0.1.0"

_ALGORITHM_MODULES = {
    "VDN": "vdn",
    "VDNConfig": "vdn",
    "QMIX": "qmix",
    "QMIXConfig": "qmix_config",
    "OWQMIX": "wqmix",
    "OWQMIXConfig": "wqmix",
    "CWQMIX": "wqmix",
    "CWQMIXConfig": "wqmix",
    "ReMIX": "remix",
    "ReMIXConfig": "remix",
    "MACPO": "macpo",
    "MACPOConfig": "macpo",
    "MACPOApprox": "macpo",
    "MACPOApproxConfig": "macpo",
    "PERQMIX": "replay_schemes",
    "PERQMIXConfig": "replay_schemes",
    "PSERQMIX": "replay_schemes",
    "PSERQMIXConfig": "replay_schemes",
    "DisCorQMIX": "replay_schemes",
    "DisCorQMIXConfig": "replay_schemes",
    "ReMERNQMIX": "replay_schemes",
    "ReMERNQMIXConfig": "replay_schemes",
}
_OTHER_NAMES = {
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

__all__ = ["register", *_ALGORITHM_MODULES, *_OTHER_NAMES]


find_moved_classes()


def register() -> None:
    """Makes all algorithms and environments known to Ray under their names; calling it again is harmless."""
    from rllib_remix.algorithms.registry import register as register_all

    register_all()


def __getattr__(name: str) -> Any:
    if name in _ALGORITHM_MODULES:
        register()
        return getattr(import_module(f"rllib_remix.algorithms.{_ALGORITHM_MODULES[name]}"), name)
    if name in _OTHER_NAMES:
        return getattr(import_module(_OTHER_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
