"""DOP's networks and loss: a critic that is linear in the agents' values, from new and old episodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rllib_remix.actor_critic.learner import ActorCriticLearner, numbers_of_values
from rllib_remix.actor_critic.rl_module import CentralCriticModule
from rllib_remix.learning.loss import masked_mean, weighted_squared_error
from rllib_remix.learning.policies import (
    Policies,
    counterfactual_advantages,
    expected_values,
    log_policy,
    mean_over_steps,
    policy_gradient_loss,
)
from rllib_remix.learning.targets import at_the_ends, chosen, lambda_returns
from rllib_remix.learning.tree_backup import tree_backup_returns
from rllib_remix.models.critics.dop import joint_values


class DOPModule(CentralCriticModule):
    """Recurrent agents, and the critic Q_tot = Σ_a k_a(s)·Q^a(s, o_a, a; u_a) with a target network.

    Model config: as CentralCriticModule's, and `mixer_embed_dim`. The critic values all agents to the end of the episode,
    those that have left the game too, so that the joint value always has the same parts.
    """

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """Policies of whole episodes, values of every agent's actions, and joint values of the target network.

        Args:
            batch: `obs` [B, T+1, n, O], `state` [B, T+1, S], `avail_actions` [B, T+1, n, U], `actions` [B, T, n],
                `lengths` [B], `lives` [B, n].

        Returns:
            `logits` [B, T, n, U], `action_values` [B, T, n, U], Q^a, `weights` [B, T, n], k, and, without gradient,
            `target_taken` [B, T], the target's Q_tot of the actions taken, and `target_expected` [B, T+1], its E_π Q_tot.
        """
        seen = self.seen(batch)
        logits = self.utilities(self.agent, seen)
        inputs = seen.state, seen.steps.pack(batch["obs"]), self.agent.normalizer
        values, weights = map(seen.steps.unpack, self.central_critic(*inputs))
        with torch.no_grad():
            target, target_weights = map(seen.steps.unpack, self.target_central_critic(*inputs))
            policy = log_policy(logits, batch["avail_actions"])
            taken = joint_values(target_weights, chosen(target, seen.actions))
            expected = joint_values(target_weights, expected_values(policy, target))
        return {
            "logits": logits[:, :-1],
            "action_values": values[:, :-1],
            "weights": weights[:, :-1],
            "target_taken": taken[:, :-1],
            "target_expected": expected,
        }


class DOPLearner(ActorCriticLearner):
    """(Q_tot(u) - y)² - k_a·A^a·log π^a(u_a) - c_H·H(π^a), A^a = Q^a(u_a) - Σ_u π^a(u)·Q^a(u) (Wang et al. 2021).

    The error of Q_tot is a mean over all episodes of the batch; y is the λ-return of the newest, which the policies of now
    have nearly played, and the tree backup of all others. The policies learn from the newest alone, means over agents,
    with k_a·A^a without gradient: that is COMA's advantage of Q_tot. Which are the newest, the batch says.
    """

    def loss_of(
        self,
        config: Any,
        batch: dict[str, Tensor],
        fwd_out: dict[str, Tensor],
        policies: Policies,
        mask: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        actions, values, weights = batch["actions"].long(), fwd_out["action_values"], fwd_out["weights"]
        q_tot = joint_values(weights, chosen(values, actions))
        targets = self.targets(config, batch, fwd_out, policies)
        value_loss = weighted_squared_error(q_tot, targets, None, mask, batch["num_steps"][0])
        recent, num_steps = mask & batch["is_recent"].unsqueeze(-1), batch["num_recent_steps"][0]
        advantages = counterfactual_advantages(policies.log_probabilities, values, actions)
        advantages = weights.detach() * advantages
        policy_loss = policy_gradient_loss(policies.taken, advantages, recent, num_steps)
        entropy = mean_over_steps(policies.entropies, recent, num_steps)
        loss = policy_loss + value_loss - config.entropy_coefficient * entropy
        losses = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
        losses = {name: each.detach() for name, each in losses.items()}
        with torch.no_grad():
            of_values = numbers_of_values(advantages, q_tot, targets, mask, acting=recent)
            return loss, losses | of_values | _numbers_of_dop(weights, policies, mask, recent)

    @torch.no_grad()
    def targets(
        self, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor], policies: Policies
    ) -> Tensor:
        """y [B, T], 0 on padding: λ-returns of the newest episodes, tree backups of the others."""
        rewards, lengths, taken = batch["rewards"], batch["lengths"], fwd_out["target_taken"]
        expected, terminated = at_the_ends(
            fwd_out["target_expected"],
            lengths,
            batch["terminated"],
            truncated_value=config.truncated_value,
            time_limit=config.time_limit,
        )
        # After the last step no action was taken; the expectation is exact.
        values = torch.cat([taken, expected[:, -1:]], dim=1)
        last = lengths.unsqueeze(-1)
        values = values.scatter(1, last, expected.gather(1, last))
        on_policy = lambda_returns(
            rewards, values, lengths, terminated, gamma=config.gamma, td_lambda=config.td_lambda
        )
        off_policy = tree_backup_returns(
            rewards,
            taken,
            expected,
            policies.taken.sum(-1).exp(),
            lengths,
            terminated,
            gamma=config.gamma,
            td_lambda=config.tree_backup_lambda,
            steps=config.tree_backup_steps,
        )
        return torch.where(batch["is_recent"].unsqueeze(-1), on_policy, off_policy)


def _numbers_of_dop(weights: Tensor, policies: Policies, mask: Tensor, recent: Tensor) -> dict[str, Tensor]:
    """What is logged of k, and of how far the tree backups reach: means over steps of the batch, and of its older episodes."""
    return {
        "largest_weight_mean": masked_mean(weights.amax(-1), mask),
        "old_action_probability_mean": masked_mean(policies.taken.sum(-1).exp(), mask & ~recent),
    }
