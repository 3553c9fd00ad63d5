"""Settings of how networks are computed: they change the speed, and what is learnt by rounding at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.settings import Count, Flag, OneOf
from rllib_remix.team.settings.groups import SettingGroup, setting

COMPUTE_DTYPES = ("float32", "bfloat16")


@dataclass(kw_only=True)
class ComputingSettings(SettingGroup):
    """How the networks are computed."""

    title: ClassVar[str] = "Computing"

    skip_removed_agents: bool = setting(
        True,
        Flag(),
        "an agent that has no choice (one available action) and sees nothing new until its episode ends is computed "
        "at the first such step only, and keeps these utilities. False computes all agents until the end.",
    )
    compute_dtype: str = setting(
        "float32",
        OneOf(COMPUTE_DTYPES),
        "bfloat16 is for the learner's large matrix products (faster on CPUs with AVX512-BF16 or AMX and on GPUs); "
        "what the networks put out, targets, weights and parameters stay float32.",
    )
    num_torch_threads: int | None = setting(
        1,
        Count(1, 1024),
        "threads that PyTorch may use in each process; None leaves its own choice. The networks are small: more than "
        "1 was never faster.",
    )
