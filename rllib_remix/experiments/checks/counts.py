"""How often an experiment is repeated, tried again and saved."""

from __future__ import annotations

from rllib_remix.errors import unknown
from rllib_remix.experiments.experiment import MAX_COUNT, Checkpoints, Experiment
from rllib_remix.experiments.search.points import MAX_TRIALS
from rllib_remix.settings import check_count


def check_counts(experiment: Experiment) -> None:
    """Raises SettingError for a number of samples, failures or checkpoints that cannot be."""
    check_count("num_samples", experiment.num_samples, low=1, high=MAX_TRIALS)
    check_count("max_failures", experiment.max_failures, low=-1, high=MAX_COUNT)
    _check_checkpoints(experiment.checkpoints)


def _check_checkpoints(checkpoints: Checkpoints) -> None:
    check_count("checkpoint frequency", checkpoints.frequency, low=0, high=MAX_COUNT)
    if checkpoints.num_to_keep is not None:
        check_count("checkpoints to keep", checkpoints.num_to_keep, low=1, high=MAX_COUNT)
    if checkpoints.score_order not in ("max", "min"):
        raise unknown("checkpoint_score_order", checkpoints.score_order, ["max", "min"])
