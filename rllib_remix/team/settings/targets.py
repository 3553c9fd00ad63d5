"""Settings of the targets that values are fitted to: λ-returns, and what follows the end of an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.settings import Interval, OneOf
from rllib_remix.team.settings.groups import SettingGroup, setting

TIME_LIMITS = ("truncation", "termination")
TRUNCATED_VALUES = ("previous", "last")


@dataclass(kw_only=True)
class TargetSettings(SettingGroup):
    """What values are fitted to."""

    title: ClassVar[str] = "Targets"

    td_lambda: float = setting(
        0.6, Interval(0, 1), "λ of the λ-return; 0 is one-step. 0.6 in both papers, table 2."
    )
    time_limit: str = setting(
        "truncation",
        OneOf(TIME_LIMITS),
        "what the end of a truncated episode is for the targets. truncation: a cut, after which its value continues; "
        "termination: the end, after which nothing comes, as EPyMARL has it.",
    )
    truncated_value: str = setting(
        "previous",
        OneOf(TRUNCATED_VALUES),
        "the value that continues there. previous: of the observation before the last, the last one from which agents "
        "acted, and whose value is therefore learned; last: of the last observation, which is not, as PyMARL has it. With "
        "`time_limit` termination none continues.",
    )
