"""FOP's networks and loss: policies of most entropy, whose product is the team's, from twin critics and replay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, cast

import torch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch import Tensor, nn

from rllib_remix.actor_critic.learner import ActorCriticLearner, numbers_of_values
from rllib_remix.actor_critic.rl_module import SeparateCriticModule
from rllib_remix.learning.loss import masked_mean, weighted_squared_error
from rllib_remix.learning.policies import (
    Policies,
    drawn_actions,
    log_policy,
    mean_over_steps,
    uniforms_of_update,
)
from rllib_remix.learning.soft_values import soft_policy_losses, soft_state_values, soft_values
from rllib_remix.learning.targets import chosen
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.layers import set_to_zero
from rllib_remix.models.mixing.fop import FOPMixer
from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.models.sizes import TWINS, joint_networks, sizes_for_mixer
from rllib_remix.team.rl_module import Seen

_UPDATES_MADE = "updates_made"


class FOPModule(SeparateCriticModule):
    """Recurrent agents, and twin critics with target networks: agents Q^a of the same shape, each pair with a mixer to Q_jt.

    Model config: as ActorCriticModule's, and `use_twin_critics`, `zero_initial_values`, and FOPMixer's `sizes`.
    """

    training_networks: ClassVar[tuple[str, ...]] = ("critic_agents", "critic_mixers")

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        sizes = sizes_for_mixer(self.agent, n_agents, state_dim, self.model_config)
        self.critic_agents = nn.ModuleList(self.new_agent() for _ in range(TWINS))
        self.critic_mixers = cast(nn.ModuleList, joint_networks(sizes, self.model_config)["critic_mixers"])
        if self.model_config["zero_initial_values"]:
            for agent, mixer in _pairs(self.critic_agents, self.critic_mixers):
                set_to_zero(agent.head)
                mixer.begin_at_zero()

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """Policies of whole episodes, and values of both critics.

        Args:
            batch: `obs` [B, T+1, n, O], `state` [B, T+1, S], `avail_actions` [B, T+1, n, U], `actions` [B, T, n],
                `lengths` [B], `lives` [B, n], `numbers` [B], and FOPLearner's `temperature` [B] and `update` [B].

        Returns:
            `logits` [B, T, n, U]; `joint_values` [B, 2, T], each critic's Q_jt of the actions taken; and without gradient
            `action_values` [B, T, n, U], the lesser Q^a of the two, and `target_values` [B, T+1], an estimate of the
            target networks' soft value: of a joint action drawn from the policies at every step.
        """
        seen, temperature = self.seen(batch), batch["temperature"][0]
        logits = self.utilities(self.agent, seen)
        networks = self.critic_agents, self.critic_mixers
        action_values, joint_values = self._values(networks, seen, seen.actions, batch)
        with torch.no_grad():
            policy = log_policy(logits, batch["avail_actions"])
            steps, agents = policy.shape[1:3]
            uniforms = uniforms_of_update(batch["numbers"], batch["update"], steps * agents)
            drawn = drawn_actions(policy, uniforms.unflatten(-1, (steps, agents)))
            networks = self.target_critic_agents, self.target_critic_mixers
            _, target = self._values(networks, seen, drawn, batch)
            target_values = soft_state_values(target.amin(0), chosen(policy, drawn), temperature)
        return {
            "logits": logits[:, :-1],
            "joint_values": joint_values[:, :, :-1].transpose(0, 1),
            "action_values": action_values.detach().amin(0)[:, :-1],
            "target_values": target_values,
        }

    def _values(
        self, networks: tuple[nn.Module, nn.Module], seen: Seen, actions: Tensor, batch: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Q^a(·) [2, B, T+1, n, U] of agents, and Q_jt [2, B, T+1] that their mixers make of actions [B, T+1, n]."""
        pack, avail = seen.steps.pack, batch["avail_actions"]
        of_agents, joint = [], []
        for agent, mixer in _pairs(*networks):
            values = self.utilities(agent, seen)
            inputs = MixerInputs(
                chosen=pack(chosen(values, actions)),
                state=seen.state,
                best=pack(soft_values(values.detach(), avail, batch["temperature"][0])),
                actions=pack(actions),
            )
            of_agents.append(values)
            joint.append(seen.steps.unpack(mixer(inputs)))
        return torch.stack(of_agents), torch.stack(joint)

    def value_networks(self) -> tuple[str, ...]:
        """Both critics; what entropy adds to their values is multiplied too, though the temperature stays."""
        return self.training_networks

    def target_sources(self) -> tuple[str, ...]:
        return self.training_networks


def _pairs(agents: nn.Module, mixers: nn.Module) -> Iterable[tuple[RecurrentAgent, FOPMixer]]:
    """The two critics, each its agents' network and its mixer."""
    networks = (cast(nn.ModuleList, each) for each in (agents, mixers))
    return cast(Iterable[tuple[RecurrentAgent, FOPMixer]], zip(*networks, strict=True))


class FOPLearner(ActorCriticLearner):
    """mean_a Σ_u π^a(u)·(α·log π^a(u) - Q^a(u)) + Σ_twins (Q_jt(u) - y)², Q^a the lesser of the twins' (Zhang et al. 2021).

    y is the λ-return over the target networks' soft values; α the temperature, which follows its schedule over env steps. Both
    losses are of replayed episodes, whoever played them: π^a is drawn to softmax(Q^a/α), and Q_jt asks for π alone.
    """

    def build(self) -> None:
        super().build()
        self._temperature_schedule = Scheduler(self.config.temperature)
        self._temperature = float(self._temperature_schedule.update(0))
        self._updates_made = 0

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        super().before_gradient_based_update(timesteps=timesteps)
        env_steps = timesteps.get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0)
        self._temperature = float(self._temperature_schedule.update(env_steps))

    def after_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        super().after_gradient_based_update(timesteps=timesteps)
        self._updates_made += self._gradient_is_finite

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().get_state(*args, **kwargs) | {_UPDATES_MADE: self._updates_made}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._updates_made = state.get(_UPDATES_MADE, self._updates_made)

    def step(self, batch: Any, **kwargs: Any) -> Any:
        """As TeamLearner's, of a batch that is told the temperature, and the update's number, by which actions are drawn."""
        for of_module in batch.values():
            numbers = of_module["numbers"]
            of_module["temperature"] = torch.full_like(numbers, self._temperature, dtype=torch.float32)
            of_module["update"] = torch.full_like(numbers, self._updates_made, dtype=torch.int64)
        return super().step(batch, **kwargs)

    def loss_of(
        self,
        config: Any,
        batch: dict[str, Tensor],
        fwd_out: dict[str, Tensor],
        policies: Policies,
        mask: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        num_steps, temperature = batch["num_steps"][0], batch["temperature"][0]
        values, joint_values = fwd_out["action_values"], fwd_out["joint_values"].transpose(0, 1)
        losses = soft_policy_losses(policies.log_probabilities, values, temperature)
        policy_loss = mean_over_steps(losses, mask, num_steps)
        targets = self.returns(config, batch, fwd_out["target_values"])
        of_twins = [weighted_squared_error(each, targets, None, mask, num_steps) for each in joint_values]
        value_loss = torch.stack(of_twins).sum()
        numbers = {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach()}
        with torch.no_grad():
            soft = soft_values(values, batch["avail_actions"][:, :-1], temperature)
            advantages = chosen(values, batch["actions"].long()) - soft
            numbers |= numbers_of_values(advantages, joint_values.mean(0), targets, mask)
            numbers["temperature"] = temperature
            numbers["twin_difference_mean"] = masked_mean((joint_values[0] - joint_values[1]).abs(), mask)
        return policy_loss + value_loss, numbers
