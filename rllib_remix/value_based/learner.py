"""The learner of the value-based algorithms: forward → targets → weights → loss → what is logged of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rllib_remix.learning.loss import masked_mean, masked_std, weighted_squared_error
from rllib_remix.learning.priorities import episode_priorities, profile_weights
from rllib_remix.learning.targets import (
    at_the_ends,
    lambda_returns,
    possible_values,
    step_mask,
    watkins_returns,
)
from rllib_remix.learning.weighting import WeightingInputs, Weights
from rllib_remix.team.learner import TeamLearner
from rllib_remix.value_based.schemes import find_scheme

# Steps whose Q_tot no return can have: more than a few, and the values diverge.
IMPOSSIBLE_SHARE = "impossible_q_tot_share"


class ValueLearner(TeamLearner):
    """Fits Q_tot, and Q* where the weighting needs it, to λ-returns; the weighting says what each step counts."""

    def compute_loss_for_module(
        self, *, module_id: str, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor]
    ) -> Tensor:
        mask = step_mask(batch["lengths"], batch["rewards"].shape[1])
        if config.limit_targets:
            limits = possible_values(batch["reward_range"][0], config.gamma)
            fwd_out = {**fwd_out, "target_values": fwd_out["target_values"].clamp(*limits)}
        targets = self._targets(config, batch, fwd_out)
        result = self._weigh(config, batch, fwd_out, targets, mask)
        priorities = episode_priorities(result.weights, mask)
        weights, q_star_weights = result.weights, None
        if config.weighting_mode == "sampling":
            weights = profile_weights(weights, priorities, batch["importance"])
            q_star_weights = batch["importance"].unsqueeze(-1)
        num_steps = batch["num_steps"][0]
        q_tot = fwd_out["q_tot"]
        loss = weighted_squared_error(q_tot, targets, weights, mask, num_steps)
        values = {"td_loss": loss}
        others = self.further_losses(config, fwd_out, targets, q_star_weights, mask, num_steps)
        for name, (factor, value) in others.items():
            values[name] = value
            loss = loss + factor * value
        values[IMPOSSIBLE_SHARE] = _impossible_share(q_tot, batch["reward_range"][0], config.gamma, mask)
        self._log(module_id, values, q_tot, targets, result, mask)
        self._report_weights(module_id, result.weights[mask], batch["numbers"], priorities)
        return self.finite_or_no_gradient(loss)

    def further_losses(
        self,
        config: Any,
        fwd_out: dict[str, Tensor],
        targets: Tensor,
        weights: Tensor | None,
        mask: Tensor,
        num_steps: Tensor,
    ) -> dict[str, tuple[float, Tensor]]:
        """What is added to the loss of Q_tot, by the name under which it is logged, each with its factor; here Q*'s.

        Args:
            config: the algorithm's settings. fwd_out: of the module.
            targets: [B, T] float32.
            weights: [B, T] float32, of losses that the weighting leaves alone; None is 1 everywhere.
            mask: [B, T] bool. num_steps: as of `weighted_squared_error`.
        """
        if "q_star" not in fwd_out:
            return {}
        q_star_loss = weighted_squared_error(fwd_out["q_star"], targets, weights, mask, num_steps)
        return {"q_star_loss": (config.q_star_loss_weight, q_star_loss)}

    @torch.no_grad()
    def _targets(self, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor]) -> Tensor:
        lengths = batch["lengths"]
        values, terminated = at_the_ends(
            fwd_out["target_values"],
            lengths,
            batch["terminated"],
            truncated_value=config.truncated_value,
            time_limit=config.time_limit,
            ended=batch.get("ended"),
        )
        episodes = batch["rewards"], values, lengths, terminated
        how = {"gamma": config.gamma, "td_lambda": config.td_lambda}
        if config.td_trace == "peng":
            return lambda_returns(*episodes, **how)
        return watkins_returns(*episodes, took_greedy(batch, fwd_out), **how)

    @torch.no_grad()
    def _weigh(
        self, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor], targets: Tensor, mask: Tensor
    ) -> Weights:
        inputs = WeightingInputs(
            q_tot=fwd_out["q_tot"].detach(),
            targets=targets,
            mask=mask,
            utilities=fwd_out["utilities"][:, :-1],
            avail_actions=batch["avail_actions"][:, :-1],
            actions=batch["actions"].long(),
            took_greedy=took_greedy(batch, fwd_out),
            greedy_value=fwd_out["target_values"][:, :-1],
            q_star=fwd_out["q_star"].detach() if "q_star" in fwd_out else None,
            mixer_gradient=fwd_out.get("mixer_gradient"),
        )
        return find_scheme(config.weighting).function(inputs, **config.weighting_config)

    @torch.no_grad()
    def _log(
        self,
        module_id: str,
        values: dict[str, Tensor],
        q_tot: Tensor,
        targets: Tensor,
        result: Weights,
        mask: Tensor,
    ) -> None:
        weights = result.weights
        metrics = {name: value.detach() for name, value in values.items()}
        metrics |= {
            "q_tot_mean": masked_mean(q_tot, mask),
            "target_mean": masked_mean(targets, mask),
            "weight_mean": masked_mean(weights, mask),
            "weight_min": weights.masked_fill(~mask, torch.inf).amin(),
            "weight_max": weights.amax(),
            "overestimated_share": masked_mean((q_tot > targets).float(), mask),
        }
        for name, term in result.terms.items():
            if term.dtype == torch.bool:
                metrics[f"weight_terms/{name}_share"] = masked_mean(term.float(), mask)
            else:
                metrics[f"weight_terms/{name}_mean"] = masked_mean(term, mask)
                metrics[f"weight_terms/{name}_std"] = masked_std(term, mask)
        self.log_numbers(module_id, metrics)

    def _report_weights(self, module_id: str, weights: Tensor, numbers: Tensor, priorities: Tensor) -> None:
        """Hands the loop what it counts and what the replay buffer draws by.

        Args:
            weights: [N] float32, of the real steps.
            numbers, priorities: [B], of the episodes.
        """
        self.report_episodes(module_id, weights=weights, numbers=numbers, priorities=priorities)


def took_greedy(batch: dict[str, Tensor], fwd_out: dict[str, Tensor]) -> Tensor:
    """[B, T] bool: whether the joint action of a step is the one that is greedy now."""
    return (fwd_out["greedy_actions"][:, :-1] == batch["actions"].long()).all(-1)


@torch.no_grad()
def _impossible_share(q_tot: Tensor, reward_range: Tensor, gamma: float, mask: Tensor) -> Tensor:
    """Of the steps, those whose Q_tot is beyond what any return can be, by more than a tenth of that range and 1."""
    low, high = possible_values(reward_range, gamma)
    margin = 1.0 + 0.1 * (high - low)
    return masked_mean(((q_tot < low - margin) | (q_tot > high + margin)).float(), mask)
