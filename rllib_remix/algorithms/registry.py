"""The algorithms of rllib_remix by name, and their registration with Ray."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rllib_remix.errors import unknown

ALGORITHMS: dict[str, str] = {
    "VDN": "rllib_remix.algorithms.vdn:VDNConfig",
    "QMIX": "rllib_remix.algorithms.qmix_config:QMIXConfig",
    "OWQMIX": "rllib_remix.algorithms.wqmix:OWQMIXConfig",
    "CWQMIX": "rllib_remix.algorithms.wqmix:CWQMIXConfig",
    "ReMIX": "rllib_remix.algorithms.remix:ReMIXConfig",
    "MACPO": "rllib_remix.algorithms.macpo:MACPOConfig",
    "MACPOApprox": "rllib_remix.algorithms.macpo:MACPOApproxConfig",
    "PERQMIX": "rllib_remix.algorithms.replay_schemes:PERQMIXConfig",
    "PSERQMIX": "rllib_remix.algorithms.replay_schemes:PSERQMIXConfig",
    "DisCorQMIX": "rllib_remix.algorithms.replay_schemes:DisCorQMIXConfig",
    "ReMERNQMIX": "rllib_remix.algorithms.replay_schemes:ReMERNQMIXConfig",
}


def get_algorithm_config(name: str) -> Any:
    """A new config of the algorithm.

    Raises:
        SettingError: no algorithm of that name; suggests the nearest.
    """
    if name not in ALGORITHMS:
        raise unknown("algo", name, ALGORITHMS)
    module, _, class_name = ALGORITHMS[name].partition(":")
    return getattr(import_module(module), class_name)()


def register() -> None:
    """Makes all algorithms and environments known to Ray under their names; calling it again is harmless.

    An environment that the user registered under one of these names stays the user's.
    """
    from ray.tune.registry import register_env, register_trainable

    from rllib_remix.envs.registry import TEAM_ENVS, make_team_env
    from rllib_remix.rollout.building import is_shipped

    for name in ALGORITHMS:
        register_trainable(name, get_algorithm_config(name).algo_class)
    for name in filter(is_shipped, TEAM_ENVS):

        def create(context: Any, name: str = name) -> Any:
            return make_team_env(name, dict(context), getattr(context, "num_envs", 1))

        create.is_shipped = True  # type: ignore[attr-defined]
        register_env(name, create)
