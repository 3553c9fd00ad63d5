"""Settings of how long the sequences are from which recurrent networks learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.errors import SettingError
from rllib_remix.settings import Count
from rllib_remix.team.settings.groups import SettingGroup, setting

MAX_STEPS = 10**9  # of a piece; more is a slip


@dataclass(kw_only=True)
class SequenceSettings(SettingGroup):
    """Pieces of episodes instead of whole ones, for long episodes."""

    title: ClassVar[str] = "Sequences"

    max_seq_len: int | None = setting(
        None,
        Count(1, MAX_STEPS),
        "env steps: every drawn episode is cut after each so many, and one of its pieces, each as likely, is learned from; what "
        "comes after it is told by the target networks. A batch is `train_batch_episodes` such pieces, so that a step of a long "
        "episode counts less than one of a short one. None: whole episodes, as in both papers.",
    )
    burn_in: int | None = setting(
        None,
        Count(0, MAX_STEPS),
        "env steps before such a piece that the agents' networks read first, without gradients, so that their hidden states "
        "are their own (Kapturowski et al. 2019). None: all from the episode's beginning; 0: hidden states begin at zero.",
    )

    def check(self) -> None:
        super().check()
        if self.burn_in is not None and self.max_seq_len is None:
            raise SettingError(
                f"burn_in: {self.burn_in} has no effect on whole episodes; set max_seq_len too, or leave it out (null, None)."
            )
