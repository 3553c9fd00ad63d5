"""The algorithm that an experiment names, and whether it is one of teams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.errors import UserError, unknown
from rllib_remix.experiments.user_modules import find_modules_in, load_class

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig


def find_algorithm(
    run: str | type[Algorithm],
) -> tuple[str | type[Algorithm], type[Algorithm], AlgorithmConfig]:
    """What Tune is to run, the class behind it, and its default settings.

    Args:
        run: a name that we, the user or RLlib registered, a class path such as "package.module.Class", or a class.

    Raises:
        UserError: if a class path leads nowhere or to something that is no Algorithm.
        SettingError: if the name is unknown, with the nearest valid one.
    """
    from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config, is_of_user

    if isinstance(run, type):
        return run, run, run.get_default_config()
    if run in ALGORITHMS:
        import rllib_remix

        find_modules_in(Path.cwd())  # where a weighting of the user's may be
        rllib_remix.register()
        config = get_algorithm_config(run)
        assert config.algo_class is not None
        if is_of_user(run):  # whose name another process may not know
            return config.algo_class, config.algo_class, config
        return run, config.algo_class, config
    if "." in run:
        from ray.rllib.algorithms.algorithm import Algorithm

        algorithm_class = load_class("--algo", run)
        if not (isinstance(algorithm_class, type) and issubclass(algorithm_class, Algorithm)):
            raise UserError(f"--algo: {run!r} is no RLlib Algorithm class.")
        return algorithm_class, algorithm_class, algorithm_class.get_default_config()
    from ray.rllib.algorithms.registry import ALGORITHMS as RLLIB_ALGORITHMS
    from ray.tune.error import TuneError
    from ray.tune.registry import get_trainable_cls

    try:
        algorithm_class: Any = get_trainable_cls(run)
    except TuneError:
        raise unknown("--algo", run, [*ALGORITHMS, *RLLIB_ALGORITHMS]) from None
    return run, algorithm_class, algorithm_class.get_default_config()


def is_of_team(config: AlgorithmConfig) -> bool:
    """Whether these are settings of an algorithm of this package, which trains teams."""
    from rllib_remix.team.config import TeamAlgorithmConfig

    return isinstance(config, TeamAlgorithmConfig)


def is_team_algorithm(found: object) -> bool:
    """Whether something is the class of an algorithm that stands on this package's for teams."""
    from rllib_remix.team.algorithm import TeamAlgorithm

    return isinstance(found, type) and issubclass(found, TeamAlgorithm)
