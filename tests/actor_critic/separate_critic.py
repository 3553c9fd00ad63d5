"""A small actor-critic from replay, whose critic sees the state and has an optimizer and a target of its own."""

from __future__ import annotations

from typing import ClassVar

import torch
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from torch import nn

from rllib_remix.actor_critic.algorithm import ActorCritic
from rllib_remix.actor_critic.config import ActorCriticConfig
from rllib_remix.actor_critic.learner import ActorCriticLearner, numbers_of_values
from rllib_remix.actor_critic.rl_module import SeparateCriticModule
from rllib_remix.actor_critic.settings.common import (
    ActorCriticTargets,
    PolicySettings,
    SeparateCriticSettings,
)
from rllib_remix.learning.loss import weighted_squared_error
from rllib_remix.learning.policies import policy_gradient_loss
from rllib_remix.team.settings.computing import ComputingSettings
from rllib_remix.team.settings.loop import LoopSettings
from rllib_remix.team.settings.networks import NetworkSettings
from rllib_remix.team.settings.replay import EpisodeReplaySettings
from tests.team.actor_critic import Critic


class CentralModule(SeparateCriticModule):
    """Agents, and V(s)."""

    training_networks: ClassVar[tuple[str, ...]] = ("critic",)

    def make_training_networks(self, n_agents, state_dim):
        self.critic = Critic(nn.Linear(state_dim, 8), nn.ReLU(), nn.Linear(8, 1))

    def target_sources(self):
        return ("critic",)

    def value_networks(self):
        return ("critic",)

    def _forward_train(self, batch, **kwargs):
        seen = self.seen(batch)
        with torch.no_grad():
            targets = self.target_critic(seen.state).squeeze(-1)
        return {
            "logits": self.utilities(self.agent, seen)[:, :-1],
            "values": seen.steps.unpack(self.critic(seen.state).squeeze(-1)),
            "target_values": seen.steps.unpack(targets),
        }


class CentralLearner(ActorCriticLearner):
    """The policy gradient above V(s)."""

    def loss_of(self, config, batch, fwd_out, policies, mask):
        num_steps, values = batch["num_steps"][0], fwd_out["values"][:, :-1]
        targets = self.returns(config, batch, fwd_out["target_values"])
        advantages = targets - values.detach()
        policy_loss = policy_gradient_loss(policies.taken, advantages, mask, num_steps)
        value_loss = weighted_squared_error(values, targets, None, mask, num_steps)
        numbers = {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach()}
        return policy_loss + value_loss, numbers | numbers_of_values(advantages, values, targets, mask)


class CentralConfig(ActorCriticConfig):
    """From replay, with the newest episodes last."""

    groups = (
        NetworkSettings,
        PolicySettings,
        ActorCriticTargets,
        SeparateCriticSettings,
        EpisodeReplaySettings,
        LoopSettings,
        ComputingSettings,
    )

    def __init__(self, algo_class=None):
        super().__init__(algo_class or Central)

    def get_default_learner_class(self):
        return CentralLearner

    def get_default_rl_module_spec(self):
        return RLModuleSpec(module_class=CentralModule, model_config=self.networks())


class Central(ActorCritic):
    """Central-V actor-critic."""

    @classmethod
    def get_default_config(cls):
        return CentralConfig()
