"""By what trials are compared, and whether a scheduler and a search can do so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rllib_remix.experiments.algorithm import is_of_team
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.result_keys import GREEDY_RETURN, TRAINING_RETURN
from rllib_remix.experiments.search.schedulers import build_scheduler
from rllib_remix.experiments.search.searchers import check_search

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig


def check_comparison(experiment: Experiment, configs: Sequence[AlgorithmConfig]) -> None:
    """Sets what trials are compared by, and checks the scheduler and the search with it.

    Args:
        experiment: its `metric` is set.
        configs: of its trials.

    Raises:
        UserError: for a scheduler or a search that cannot be.
    """
    search = experiment.search
    # Only algorithms of ours repeat their last evaluation in the results between two.
    evaluates = all(
        config.evaluation_interval and (is_of_team(config) or config.evaluation_interval == 1)
        for config in configs
    )
    experiment.metric = search.metric or (GREEDY_RETURN if evaluates else TRAINING_RETURN)
    build_scheduler("scheduler", experiment.scheduler, experiment.stop, experiment.metric, search.mode)
    check_search(search, experiment.config)
