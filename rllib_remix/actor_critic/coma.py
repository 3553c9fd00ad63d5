"""COMA's networks and loss: what each agent's action was worth, the others' being what they were."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rllib_remix.actor_critic.learner import ActorCriticLearner, numbers_of_values
from rllib_remix.actor_critic.rl_module import CentralCriticModule
from rllib_remix.learning.policies import (
    Policies,
    counterfactual_advantages,
    drawn_actions,
    log_policy,
    mean_over_steps,
    numbered_uniforms,
    policy_gradient_loss,
)
from rllib_remix.learning.targets import chosen


class COMAModule(CentralCriticModule):
    """Recurrent agents, and the critic Q^a(s, o_a, u_{-a}, last joint action, a; ·) with a target network.

    The critic values all agents to the end of the episode, those that have left the game too, whose returns go on.
    """

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """Policies of whole episodes, and the values of every agent's actions.

        Args:
            batch: `obs` [B, T+1, n, O], `state` [B, T+1, S], `avail_actions` [B, T+1, n, U], `actions` [B, T, n],
                `lengths` [B], `lives` [B, n], `numbers` [B].

        Returns:
            `logits` [B, T, n, U], `action_values` [B, T, n, U], and `target_values` [B, T+1, n], the target network's of
            the actions taken, without gradient. After the last step none was taken: there it is of a joint
            action drawn from the policies, which depends on the episode's number.
        """
        seen = self.seen(batch)
        logits = self.utilities(self.agent, seen)
        actions = _with_last_drawn(seen.actions, logits.detach(), batch)
        joint = seen.steps.pack(actions)
        before = seen.steps.pack(functional.pad(actions[:, :-1], (0, 0, 1, 0), value=-1))
        inputs = seen.state, seen.steps.pack(batch["obs"]), joint, before, self.agent.normalizer
        values = seen.steps.unpack(self.central_critic(*inputs))
        with torch.no_grad():
            target = chosen(self.target_central_critic(*inputs), joint)
        return {
            "logits": logits[:, :-1],
            "action_values": values[:, :-1],
            "target_values": seen.steps.unpack(target),
        }


@torch.no_grad()
def _with_last_drawn(actions: Tensor, logits: Tensor, batch: dict[str, Any]) -> Tensor:
    """Actions [B, T+1, n] with one of the policies after an episode's last step."""
    agents, n_actions = logits.shape[2:]
    last = batch["lengths"].view(-1, 1, 1)
    entries = last.unsqueeze(-1).expand(-1, 1, agents, n_actions)
    policy = log_policy(logits.gather(1, entries), batch["avail_actions"].gather(1, entries))
    drawn = drawn_actions(policy, numbered_uniforms(batch["numbers"], agents).unsqueeze(1))
    return actions.scatter(1, last.expand(-1, 1, agents), drawn)


class COMALearner(ActorCriticLearner):
    """(Q^a(u_a) - y^a)² - A^a·log π^a(u_a) - c_H·H(π^a), means over agents, A^a = Q^a(u_a) - Σ_u π^a(u)·Q^a(u) without gradient.

    y^a is agent a's λ-return over the target critic's values of the actions taken (Foerster et al. 2018). The baseline
    Σ_u π^a(u)·Q^a(u) does not depend on u_a, so that it leaves the expected gradient as it is.
    """

    def loss_of(
        self,
        config: Any,
        batch: dict[str, Tensor],
        fwd_out: dict[str, Tensor],
        policies: Policies,
        mask: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        num_steps, actions = batch["num_steps"][0], batch["actions"].long()
        values = fwd_out["action_values"]
        taken = chosen(values, actions)
        targets = self.returns(config, batch, fwd_out["target_values"])
        value_loss = mean_over_steps((taken - targets).square(), mask, num_steps)
        advantages = counterfactual_advantages(policies.log_probabilities, values, actions)
        policy_loss = policy_gradient_loss(policies.taken, advantages, mask, num_steps)
        entropy = mean_over_steps(policies.entropies, mask, num_steps)
        loss = policy_loss + value_loss - config.entropy_coefficient * entropy
        losses = {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach()}
        with torch.no_grad():
            return loss, losses | numbers_of_values(advantages, taken, targets, mask)
