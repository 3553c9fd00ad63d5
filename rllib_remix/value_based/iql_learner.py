"""The learner of independent Q-learning: every agent fits its own value."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from rllib_remix.value_based.learner import ValueLearner


class IQLLearner(ValueLearner):
    """Fits each agent's utility to its own λ-return of the team's reward; the loss is the mean over steps and agents.

    For that, B episodes of n agents are B·n episodes of teams of one.
    """

    def compute_loss_for_module(
        self, *, module_id: str, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor]
    ) -> Tensor:
        return super().compute_loss_for_module(
            module_id=module_id,
            config=config,
            batch=_batch_of_agents(batch),
            fwd_out=_values_of_agents(fwd_out),
        )

    def _report_weights(self, module_id: str, weights: Tensor, numbers: Tensor, priorities: Tensor) -> None:
        """One weight of every step, since all are 1, and each episode once."""
        n_agents = self._team_modules()[0].agent.n_agents
        one = slice(None, None, n_agents)
        super()._report_weights(module_id, weights[one], numbers[one], priorities[one])


_OF_TEAMS = (
    "rewards",
    "lengths",
    "terminated",
    "ended",
    "numbers",
    "importance",
    "reward_range",
    "num_steps",
)


def _batch_of_agents(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the loss reads of a batch [B, …], as one [B·n, …] of single agents, with n times as many steps."""
    n_agents = batch["actions"].shape[2]
    repeated = {name: batch[name].repeat_interleave(n_agents, dim=0) for name in _OF_TEAMS if name in batch}
    own = {name: _rows_of_agents(batch[name]).unsqueeze(2) for name in ("actions", "avail_actions")}
    return repeated | own | {"num_steps": repeated["num_steps"] * n_agents}


def _values_of_agents(fwd_out: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same of what the networks say."""
    own = {name: _rows_of_agents(value) for name, value in fwd_out.items()}
    return own | {name: own[name].unsqueeze(2) for name in ("utilities", "greedy_actions")}


def _rows_of_agents(values: Tensor) -> Tensor:
    """[B, T, n, …] → [B·n, T, …]."""
    return values.transpose(1, 2).flatten(0, 1)
