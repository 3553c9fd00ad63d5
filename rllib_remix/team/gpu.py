"""Whether the learner computes on a GPU of this machine."""

from __future__ import annotations

from typing import Any

import torch

from rllib_remix.errors import SettingError


def check_gpu(config: Any) -> None:
    """Raises SettingError for a GPU that is not there.

    Called by the algorithm and not by the config's validation, which may run on another machine of a cluster.
    """
    wanted = config.num_gpus_per_learner
    if wanted and not config.num_learners and not torch.cuda.is_available():
        raise SettingError(
            f"num_gpus_per_learner: {wanted!r} is not possible, PyTorch sees no GPU on this machine; allowed here: "
            "0, or with `num_learners` of 1 and more on a Ray cluster that has GPUs."
        )


def learns_here_on_gpu(config: Any) -> bool:
    """Whether batches go from this process to a GPU."""
    return not config.num_learners and bool(config.num_gpus_per_learner) and torch.cuda.is_available()
