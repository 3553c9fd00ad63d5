"""Settings of how networks are computed: they change the speed, and what is learnt by rounding at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.errors import SettingError
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
    num_threads_per_learner: int = setting(
        1,
        Count(1, 1024),
        "threads in which every learner computes its networks, each those of some episodes of a batch, forward and backward; "
        "targets, weights and losses are of the whole batch. Results differ by rounding. More than 1 is for CPUs, with "
        "`num_torch_threads` 1, and takes as many free cores: ask Ray for them by `num_cpus_per_learner`.",
    )

    def check(self) -> None:
        super().check()
        if self.num_threads_per_learner > 1 and self.num_torch_threads != 1:
            raise SettingError(
                f"num_torch_threads: {self.num_torch_threads!r} is not allowed with num_threads_per_learner "
                f"{self.num_threads_per_learner}, because each of these threads computes its products by itself; it must be 1."
            )
