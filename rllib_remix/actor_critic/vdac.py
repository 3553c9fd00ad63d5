"""VDAC's networks and loss: every agent's own value, mixed into the team's, which is the one baseline of all."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from rllib_remix.actor_critic.learner import ActorCriticLearner, numbers_of_values
from rllib_remix.actor_critic.rl_module import ActorCriticModule
from rllib_remix.learning.loss import weighted_squared_error
from rllib_remix.learning.policies import Policies, mean_over_steps, policy_gradient_loss
from rllib_remix.models.mixers import new_mixer
from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.models.sizes import sizes_for_mixer


class VDACModule(ActorCriticModule):
    """Recurrent agents with two heads, the logits of a policy and a value V^a, and a mixer of these into V_tot.

    Model config: as ActorCriticModule's with `agent_extra_outputs` 1, and `mixer`, `mixer_embed_dim`,
    `hypernet_hidden_dim`, `zero_initial_values`.
    """

    training_networks: ClassVar[tuple[str, ...]] = ("mixer",)

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        sizes = sizes_for_mixer(self.agent, n_agents, state_dim, self.model_config)
        self.mixer = new_mixer(sizes, self.model_config)
        if self.model_config["zero_initial_values"]:
            self.mixer.begin_at_zero()

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """Policies and values of whole episodes.

        Args:
            batch: `obs` [B, T+1, n, O], `state` [B, T+1, S], `actions` [B, T, n], `lengths` [B], `lives` [B, n].

        Returns:
            `logits` [B, T, n, U], `values` [B, T+1], which is V_tot. With `skip_removed_agents` the V^a of an agent
            that has left stays as it was then. On padding all are finite and mean nothing.
        """
        seen = self.seen(batch)
        logits, own_value = self.utilities(self.agent, seen).tensor_split([self.agent.n_actions], dim=-1)
        v_tot = self.mixer(MixerInputs(seen.steps.pack(own_value.squeeze(-1)), seen.state))
        return {"logits": logits[:, :-1], "values": seen.steps.unpack(v_tot)}

    def value_networks(self) -> tuple[str, ...]:
        return ("mixer",)

    def rescale_values(self, factor: float) -> None:
        if self.mixer.is_proportional:
            self.agent.rescale(factor, extra=True)
        else:
            super().rescale_values(factor)


class VDACLearner(ActorCriticLearner):
    """-A·mean_a log π^a + c_V·A² - c_H·mean_a H(π^a), with A = G - V_tot of the same networks (Su et al. 2021).

    G is the λ-return of V_tot; neither it nor the A before log π has a gradient.
    """

    def loss_of(
        self,
        config: Any,
        batch: dict[str, Tensor],
        fwd_out: dict[str, Tensor],
        policies: Policies,
        mask: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        num_steps, values = batch["num_steps"][0], fwd_out["values"]
        targets = self.returns(config, batch, values.detach())
        values = values[:, :-1]
        advantages = targets - values.detach()
        policy_loss = policy_gradient_loss(policies.taken, advantages, mask, num_steps)
        value_loss = weighted_squared_error(values, targets, None, mask, num_steps)
        entropy = mean_over_steps(policies.entropies, mask, num_steps)
        loss = policy_loss + config.value_loss_weight * value_loss - config.entropy_coefficient * entropy
        losses = {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach()}
        with torch.no_grad():
            return loss, losses | numbers_of_values(advantages, values, targets, mask)
