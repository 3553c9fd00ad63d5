"""Losses, gradients and networks that are not finite: what is told of them, and when training must end."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ray.rllib.core import (
    COMPONENT_LEARNER,
    COMPONENT_LEARNER_GROUP,
    COMPONENT_OPTIMIZER,
    COMPONENT_RL_MODULE,
    DEFAULT_MODULE_ID,
)
from torch import Tensor

from rllib_remix.checkpoints.portable import PORTABLE, read_weights
from rllib_remix.learning.targets import step_mask
from rllib_remix.team.results.updates import UpdateReport

logger = logging.getLogger("ray.rllib")

NONFINITE_UPDATES = "num_nonfinite_updates_lifetime"  # in the results, beside the learner's

MAX_IN_A_ROW = 5  # updates without a finite gradient; one more learns nothing either

ADVICE = "Look at the scale of rewards and observations first, then at lr (lower) and grad_clip (set it, or lower)."


class NotFiniteError(ArithmeticError):
    """Training has left the range of numbers; nothing that it would do from here on is worth anything."""


class NonFiniteUpdates:
    """Counts the updates that the learner did not make, since their loss or gradient was not finite.

    Args:
        config: the algorithm's settings, for the messages.

    Attributes:
        lifetime: how many there were. in_a_row: how many since the last that was made.
    """

    def __init__(self, config: Any):
        self._config = config
        self.lifetime = self.in_a_row = 0

    def was_made(
        self,
        reports: Sequence[UpdateReport],
        batch: Mapping[str, Tensor],
        newest_checkpoint: Callable[[], str],
    ) -> bool:
        """Whether an update was made, by what the learners told; warns at the first that was not.

        Args:
            reports: one per learner.
            batch: what they learned from.
            newest_checkpoint: gives a sentence about it.

        Raises:
            NotFiniteError: this is the last of MAX_IN_A_ROW that were not.
        """
        norms = [report.numbers.get((DEFAULT_MODULE_ID, "grad_norm"), 0.0) for report in reports]
        if all(map(math.isfinite, norms)):
            self.in_a_row = 0
            return True
        self.lifetime += 1
        self.in_a_row += 1
        if self.in_a_row >= MAX_IN_A_ROW:
            raise NotFiniteError(
                f"{MAX_IN_A_ROW} updates in a row could not be made, since loss or gradient were not finite "
                f"({self._describe(reports, batch)}). {ADVICE} {newest_checkpoint()}"
            )
        if self.lifetime == 1:
            logger.warning(
                "An update was not made, since loss or gradient are not finite (%s). The networks stay as they were. %s",
                self._describe(reports, batch),
                ADVICE,
            )
        return False

    def get_state(self) -> dict[str, int]:
        """For a checkpoint: a trial that starts again from there must not have all its tries again."""
        return {"lifetime": self.lifetime, "in_a_row": self.in_a_row}

    def set_state(self, state: Mapping[str, int]) -> None:
        """Takes back what `get_state` gave; without it counts from 0."""
        self.lifetime, self.in_a_row = state.get("lifetime", 0), state.get("in_a_row", 0)

    def _describe(self, reports: Sequence[UpdateReport], batch: Mapping[str, Tensor]) -> str:
        """The numbers that tell where it comes from."""
        config = self._config
        names = (*config.losses, "grad_norm")
        told = {name: reports[0].numbers.get((DEFAULT_MODULE_ID, name)) for name in names}
        parts = [f"{name} {value:g}" for name, value in told.items() if value is not None]
        rewards = batch["rewards"][step_mask(batch["lengths"], batch["rewards"].shape[1])]
        parts.append(
            f"rewards of the batch, as the learner has them, {rewards.min().item():g} … {rewards.max().item():g}"
        )
        parts += [f"{name} {getattr(config, name)!r}" for name in ("lr", "grad_clip", "gamma")]
        return ", ".join(parts)


def check_state(state: Mapping[str, Any], newest_checkpoint: str) -> None:
    """Raises NotFiniteError if the networks or the optimizer in an algorithm's state are not finite.

    Args:
        state: from `Algorithm.get_state()`.
        newest_checkpoint: a sentence about it.
    """
    learner = state.get(COMPONENT_LEARNER_GROUP, {}).get(COMPONENT_LEARNER, {})
    parts = {name: learner.get(name) for name in (COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER)}
    if wrong := next(nonfinite_arrays(parts), None):
        raise NotFiniteError(
            f"No checkpoint was written, since {wrong} holds values that are not finite. {ADVICE} {newest_checkpoint}"
        )


def check_saved_networks(folder: Path) -> None:
    """Raises CheckpointError if the networks of a checkpoint are not finite, as earlier versions could write them."""
    if (folder / PORTABLE).is_dir():
        read_weights(folder)


def nonfinite_arrays(values: Any, name: str = "") -> Iterator[str]:
    """Names, such as rl_module/default_policy/agent.head.bias, of the arrays in nested dicts that are not finite."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from nonfinite_arrays(value, f"{name}/{key}" if name else str(key))
    elif isinstance(values, np.ndarray) and values.dtype.kind == "f" and not np.isfinite(values).all():
        yield name
