"""QMIX: monotonic value factorization (Rashid et al. 2018), with weights in its loss for all that is built on it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.learning.sequences import Sequences
from rllib_remix.reporting.weight_histogram import WeightHistogram
from rllib_remix.team.algorithm import TeamAlgorithm
from rllib_remix.value_based.divergence import Divergence
from rllib_remix.value_based.learner import IMPOSSIBLE_SHARE
from rllib_remix.value_based.schemes import find_scheme

WEIGHT_TERMS = "weight_terms"
_SEQUENCES = "sequences"  # in the state


class QMIX(TeamAlgorithm):
    """Monotonic mix of the agents' values; it counts the weights of its loss."""

    config: QMIXConfig

    # Methods of an earlier version: a trial's checkpoint names all that its class had.
    _ask_for_team_spec = _check_agents = _explain_failed_runners = _take_weights = None
    _check_gpu = _learns_here_on_gpu = _replay_results = None

    @classmethod
    def get_default_config(cls) -> QMIXConfig:
        return QMIXConfig()

    def setup(self, config: Any) -> None:
        super().setup(config)
        self._weight_histogram = WeightHistogram(
            *self.config.weight_histogram_range, self.config.weight_histogram_bins
        )
        self._divergence = Divergence(self.config)
        self._sequences = Sequences(
            self.config.max_seq_len,
            self.config.burn_in,
            self.config.seed,
            skip_removed=self.config.skip_removed_agents,
        )

    def prepare_batch(self, sample: dict[str, Tensor]) -> dict[str, Tensor]:
        """Pieces of the episodes, if `max_seq_len` says so."""
        return self._sequences.cut(sample)

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().get_state(*args, **kwargs) | {_SEQUENCES: self._sequences.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._sequences.set_state(state.get(_SEQUENCES, {}))

    def take_reports(self, reports: list[dict[str, np.ndarray]]) -> None:
        """As TeamAlgorithm's, and counts the weights."""
        if not reports and self.config.draws_by_priority():
            raise RuntimeError(
                f"learner_class: {self.config.learner_class.__name__} reported no weights, by which weighting_mode "
                "'sampling' draws; call `_report_weights` in `compute_loss_for_module` as ValueLearner does, or "
                "use weighting_mode 'loss'."
            )
        if not all("weights" in report for report in reports):
            raise RuntimeError(
                f"learner_class: {self.config.learner_class.__name__} reported episodes without their `weights`, which "
                f"{type(self).__name__} counts; call `_report_weights` in `compute_loss_for_module` as ValueLearner "
                "does, or give `weights` to `report_episodes`."
            )
        self._weight_histogram.add([report["weights"] for report in reports])
        super().take_reports(reports)

    def learner_result_keys(self) -> list[str]:
        return learner_result_keys(self.config.weighting)

    def complete_learner_results(self, learner: dict[str, Any]) -> None:
        """As TeamAlgorithm's, with the terms of the weighting and the weights of the iteration."""
        super().complete_learner_results(learner)
        self._divergence.look(learner, (self._rewards.low, self._rewards.high))
        terms = learner.setdefault(WEIGHT_TERMS, {})
        for key in weight_term_keys(self.config.weighting):
            terms.setdefault(key, math.nan)
        # A tuple, which TensorBoard's logger leaves alone: it would draw a histogram of the counts.
        learner["weight_histogram"] = self._weight_histogram.counts
        learner["weight_quantiles"] = self._weight_histogram.quantiles()
        self._weight_histogram.reset()


def learner_result_keys(weighting: str) -> list[str]:
    """What the learner logs at every update, apart from the weighting's terms."""
    keys = ["td_loss", "q_tot_mean", "target_mean", "grad_norm", "overestimated_share", IMPOSSIBLE_SHARE]
    keys += ["weight_mean", "weight_min", "weight_max"]
    return [*keys, "q_star_loss"] if find_scheme(weighting).needs_q_star else keys


def weight_term_keys(weighting: str) -> list[str]:
    """What the learner logs of the weighting's terms at every update, under `weight_terms`."""
    scheme = find_scheme(weighting)
    of_terms = [f"{term}_{statistic}" for term in scheme.terms for statistic in ("mean", "std")]
    return [*of_terms, *(f"{share}_share" for share in scheme.shares)]
