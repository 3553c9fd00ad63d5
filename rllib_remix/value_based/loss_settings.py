"""Settings of the loss: its weighting, its targets, and how the weights are reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.learning.weighting_settings import check_weighting_config
from rllib_remix.reporting.weight_histogram import histogram_edges
from rllib_remix.settings import Count, Flag, Interval, Limits, OneOf
from rllib_remix.team.settings.groups import setting
from rllib_remix.team.settings.targets import TargetSettings
from rllib_remix.value_based.schemes import AnyWeighting, find_scheme, share_with_workers

WEIGHTING_MODES = ("loss", "sampling")
TD_TRACES = ("watkins", "peng")


@dataclass(kw_only=True)
class LossSettings(TargetSettings):
    """The weighting of the loss and its targets."""

    title: ClassVar[str] = "Loss"

    weighting: str = setting(
        "uniform",
        AnyWeighting(SCHEMES),
        "by what every env step's error is multiplied. With remix a quarter of every batch is drawn from the newest "
        "episodes unless `recent_episodes_share` says otherwise (its on-policiness).",
        before="td_lambda",
    )
    weighting_config: dict[str, Any] = setting(
        {},
        None,
        "settings of that weighting, see `rllib_remix.learning.weighting`.",
        before="td_lambda",
    )
    weighting_mode: str = setting(
        "loss",
        OneOf(WEIGHTING_MODES),
        "loss draws batches uniformly and weighs the loss (what the papers run); sampling draws episodes in proportion "
        "to their mean weight and keeps in the loss the profile of the weights within an episode (MAC-PO, section "
        "2.3). At `prioritized_replay_alpha` 1 both have the same expected gradient (docs/weightings/README.md says "
        "when).",
        before="td_lambda",
    )
    q_star_loss_weight: float = setting(
        1.0,
        Interval(0),
        "factor of the Q* loss; the MAC-PO reference code has 0.5.",
        before="td_lambda",
    )
    td_trace: str = setting(
        "watkins",
        OneOf(TD_TRACES),
        "how far a λ-return follows what the agents did. watkins: up to the first joint action that is not the greedy one "
        "(for a greedy target policy Retrace and the tree backup are the same); peng: to the end of the episode, "
        "whatever they did, as both papers.",
        before="time_limit",
    )
    limit_targets: bool = setting(
        True,
        Flag(),
        "whether the values in targets are limited to what the rewards seen so far allow: [min(0, least), max(0, "
        "greatest)] / (1 - γ). With γ = 1 there are no such limits.",
    )
    weight_histogram_range: tuple[float, float] = setting(
        (1e-3, 10.0),
        Limits(1e-30, 1e30),
        "of the bins of `weight_histogram` in the results, which are evenly spaced on a logarithmic axis.",
    )
    weight_histogram_bins: int = setting(80, Count(1, 1000), "how many of these bins there are.")

    def check(self) -> None:
        check_weighting_config(self.weighting, find_scheme(self.weighting), self.weighting_config)
        share_with_workers(self.weighting)
        super().check()
        edges = histogram_edges(*self.weight_histogram_range, self.weight_histogram_bins)
        if (np.diff(edges) <= 0).any():
            raise SettingError(
                f"weight_histogram_range: {self.weight_histogram_range!r} is too narrow for "
                f"{self.weight_histogram_bins} bins (weight_histogram_bins) of float32 weights; allowed: a wider range, "
                "or fewer bins."
            )
