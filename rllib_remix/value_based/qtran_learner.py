"""The learner of QTRAN-base: Q_jt by temporal differences, the agents by two constraints."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rllib_remix.learning.loss import weighted_squared_error
from rllib_remix.learning.qtran import greedy_errors, taken_errors
from rllib_remix.value_based.learner import ValueLearner


class QTRANLearner(ValueLearner):
    """Fits Q_jt to λ-returns, and the sum of utilities to Q_jt where the agents' choices must agree with it."""

    def further_losses(
        self,
        config: Any,
        fwd_out: dict[str, Tensor],
        targets: Tensor,
        weights: Tensor | None,
        mask: Tensor,
        num_steps: Tensor,
    ) -> dict[str, tuple[float, Tensor]]:
        """Those of the two constraints; both leave Q_jt alone, and V learns from both."""
        value = fwd_out["state_value"]
        errors = {
            "opt_loss": (
                config.opt_loss_weight,
                greedy_errors(fwd_out["greedy_sum"], fwd_out["greedy_q_jt"], value),
            ),
            "nopt_loss": (
                config.nopt_loss_weight,
                taken_errors(fwd_out["chosen_sum"], fwd_out["q_tot"], value),
            ),
        }
        return {
            name: (factor, weighted_squared_error(error, torch.zeros_like(error), None, mask, num_steps))
            for name, (factor, error) in errors.items()
        }
