"""Settings that QTRAN alone has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.settings import Count, Interval
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.networks import MAX_UNITS


@dataclass(kw_only=True)
class QTRANSettings(SettingGroup):
    """The joint value Q_jt, and the constraints that tie the agents to it."""

    title: ClassVar[str] = "QTRAN"

    q_jt_hidden_dim: int = setting(
        64, Count(1, MAX_UNITS), "units of each hidden layer of Q_jt and of V. 64 in PyMARL."
    )
    opt_loss_weight: float = setting(
        1.0,
        Interval(0),
        "factor of the first constraint's loss: at the greedy joint action the sum of utilities is Q_jt - V. 1 in PyMARL.",
    )
    nopt_loss_weight: float = setting(
        0.1,
        Interval(0),
        "factor of the second constraint's loss: at no joint action is the sum of utilities below Q_jt - V. 0.1 in PyMARL.",
    )
