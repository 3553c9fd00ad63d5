"""The algorithms of rllib_remix: the one place that says their names, what each is and where it stands.

Loads neither Ray nor PyTorch until an algorithm is asked for, so that `rllib algorithms` and Tab answer at once.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any, NamedTuple

from rllib_remix.errors import SettingError, unknown


class Entry(NamedTuple):
    """An algorithm.

    Attributes:
        text: what it is, on one line.
        where: the module of its class, which has the algorithm's name, and of its config, with `Config` behind it; or
            the class itself.
    """

    text: str
    where: str | type


_QATTEN, _QPLEX = "rllib_remix.algorithms.qatten", "rllib_remix.algorithms.qplex"
_QTRAN, _IQL = "rllib_remix.algorithms.qtran", "rllib_remix.algorithms.iql"
_VDN, _QMIX = "rllib_remix.algorithms.vdn", "rllib_remix.algorithms.qmix"
_WQMIX, _REMIX = "rllib_remix.algorithms.wqmix", "rllib_remix.algorithms.remix"
_MACPO, _REPLAY = "rllib_remix.algorithms.macpo", "rllib_remix.algorithms.replay_schemes"
_VDAC, _COMA = "rllib_remix.algorithms.vdac", "rllib_remix.algorithms.coma"
_DOP, _FOP = "rllib_remix.algorithms.dop", "rllib_remix.algorithms.fop"
_MAPPO = "rllib_remix.algorithms.mappo"

ALGORITHMS: dict[str, Entry] = {
    "VDN": Entry("sum of the agents' values", _VDN),
    "QMIX": Entry("monotonic mix of the agents' values", _QMIX),
    "Qatten": Entry("sum of the agents' values, weighted by attention to the agents", _QATTEN),
    "QPLEX": Entry("any joint value whose best action every agent finds alone, by duplex dueling", _QPLEX),
    "QTRAN": Entry("free joint value, to which the sum of the agents' values is tied", _QTRAN),
    "IQL": Entry("independent Q-learning: every agent learns its own value", _IQL),
    "OWQMIX": Entry("QMIX, weighted up where the joint value is underestimated", _WQMIX),
    "CWQMIX": Entry("QMIX, weighted up where the joint action is the greedy one or better", _WQMIX),
    "ReMIX": Entry("QMIX, weighted to minimize the policy's regret", _REMIX),
    "MACPO": Entry("QMIX, weighted by error, value enhancement and joint action probability", _MACPO),
    "MACPOApprox": Entry("MACPO with three levels for the joint action probability", _MACPO),
    "PERQMIX": Entry("QMIX, weighted by the Bellman error as in prioritized replay", _REPLAY),
    "PSERQMIX": Entry("PERQMIX with priorities that spread to earlier steps", _REPLAY),
    "DisCorQMIX": Entry("QMIX, weighted by Bellman error and value enhancement", _REPLAY),
    "ReMERNQMIX": Entry("DisCorQMIX, and less for likely joint actions", _REPLAY),
    "VDAC": Entry("actor-critic; the agents' values are mixed into the team's, the baseline of all", _VDAC),
    "COMA": Entry("actor-critic; each action against what the agent could have done instead", _COMA),
    "DOP": Entry("actor-critic from new and old episodes; the team's value is linear in the agents'", _DOP),
    "FOP": Entry("actor-critic from replay; policies of most entropy, whose product is the team's", _FOP),
    "MAPPO": Entry("proximal policy optimization with a central value of state and agent", _MAPPO),
}

# RLlib's own, for lists.
RLLIB_ALGORITHMS = {
    "APPO": "asynchronous PPO",
    "BC": "behaviour cloning from recorded episodes",
    "CQL": "conservative Q-learning from recorded episodes",
    "DQN": "deep Q-learning, for discrete actions",
    "DreamerV3": "learns a model of the environment and trains in it",
    "IMPALA": "actor-critic with many asynchronous env runners",
    # By its class: IQL alone is that of teams.
    "ray.rllib.algorithms.iql.IQL": "implicit Q-learning from recorded episodes",
    "MARWIL": "imitation weighted by advantage, from recorded episodes",
    "PPO": "proximal policy optimization",
    "SAC": "soft actor-critic",
}


def team_texts() -> dict[str, str]:
    """What each algorithm for teams is, on one line."""
    return {name: entry.text for name, entry in ALGORITHMS.items()}


# What else `rllib_remix` offers, and in which module it stands.
OTHER_NAMES = {
    "register_algorithm": "rllib_remix.algorithms.registration",
    "register_weighting": "rllib_remix.value_based.schemes",
    "TeamPolicy": "rllib_remix.policy",
    "TeamEnv": "rllib_remix.envs.team_env",
    "TeamStep": "rllib_remix.envs.team_env",
    "PredatorPrey": "rllib_remix.envs.predator_prey",
    "MatrixGame": "rllib_remix.envs.matrix_games",
    "TwoStepGame": "rllib_remix.envs.matrix_games",
    "make_team_env": "rllib_remix.rollout.making",
    "check_team_env": "rllib_remix.envs.checker",
    "parallel_env": "rllib_remix.envs.parallel",
    "MultiAgentReplayBuffer": "rllib_remix.replay.buffer",
    "PrioritizedMultiAgentReplayBuffer": "rllib_remix.replay.prioritized",
}


def names_to_import() -> list[str]:
    """What `rllib_remix` offers of them: every class and its config."""
    return [each for name in ALGORITHMS for each in (name, f"{name}Config")]


def algorithm_class(name: str) -> Any:
    """The class of an algorithm.

    Raises:
        SettingError: no algorithm of that name; suggests the nearest.
    """
    if name not in ALGORITHMS:
        raise unknown("algo", name, ALGORITHMS)
    where = ALGORITHMS[name].where
    return getattr(import_module(where), name) if isinstance(where, str) else where


def is_of_user(name: str) -> bool:
    """Whether the algorithm of that name is one that a user registered."""
    return not isinstance(ALGORITHMS[name].where, str)


def get_algorithm_config(name: str) -> Any:
    """A new config of the algorithm.

    Raises:
        SettingError: no algorithm of that name; suggests the nearest. Or its class has no config of its own.
    """
    algorithm = algorithm_class(name)
    config = algorithm.get_default_config()
    check_config("algo", algorithm, config)
    return config


def check_config(owner: str, algorithm: type, config: Any) -> None:
    """Raises SettingError unless the default config of an algorithm builds that algorithm; `owner` is for the message."""
    from rllib_remix.value_based.registering import is_same

    name, built = algorithm.__name__, config.algo_class
    if built is None or not is_same(built, algorithm):
        of = "no algorithm" if built is None else f"{built.__module__}.{built.__qualname__}"
        raise SettingError(
            f"{owner}: {name!r} is not allowed: the config that its `get_default_config` gives is of {of}; it must give "
            f"one whose algo_class is {name!r}."
        )


def _class_and_config(name: str) -> tuple[Any, Any]:
    return algorithm_class(name), get_algorithm_config(name)


def register() -> None:
    """Makes all algorithms and environments known to Ray under their names; calling it again is harmless.

    So IQL is independent Q-learning for Ray too, in the place of RLlib's implicit Q-learning.

    An environment that the user registered under one of these names stays the user's.
    """
    from ray.rllib.algorithms.registry import ALGORITHMS as OF_RLLIB
    from ray.tune.registry import register_env, register_trainable

    from rllib_remix.envs.registry import TEAM_ENVS, make_team_env
    from rllib_remix.rollout.building import is_shipped

    for name in ALGORITHMS:
        register_trainable(name, algorithm_class(name))
        if name in OF_RLLIB:
            # Tune registers all of RLlib's again whenever it is asked for a name that it does not know.
            OF_RLLIB[name] = functools.partial(_class_and_config, name)
    for name in filter(is_shipped, TEAM_ENVS):

        def create(context: Any, name: str = name) -> Any:
            return make_team_env(name, dict(context), getattr(context, "num_envs", 1))

        create.is_shipped = True  # type: ignore[attr-defined]
        register_env(name, create)
