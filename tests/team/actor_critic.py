"""A small actor-critic: an algorithm that is not value-based, on what all algorithms share."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from torch import nn

from rllib_remix.learning.loss import masked_sum
from rllib_remix.learning.targets import chosen, step_mask
from rllib_remix.models.groups.stepper import new_stepper
from rllib_remix.models.layers import rescale
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.settings import Count
from rllib_remix.team.algorithm import TeamAlgorithm
from rllib_remix.team.config import TeamAlgorithmConfig
from rllib_remix.team.learner import TeamLearner
from rllib_remix.team.rl_module import TeamRLModule
from rllib_remix.team.settings.groups import SettingGroup, setting


@dataclass(kw_only=True)
class CriticSettings(SettingGroup):
    """The critic."""

    title: ClassVar[str] = "Critic"

    critic_hidden_dim: int = setting(8, Count(1), "units of its hidden layer.")


class SamplingActor:
    """Draws every agent's action from the softmax of what its network says."""

    def __init__(self, agent, num_envs):
        self._network = new_stepper(agent, num_envs)

    def forget(self, copies):
        self._network.forget(copies)

    def act(self, obs, avail_actions, *, epsilon=0.0, rng=None):
        logits = np.where(avail_actions, self._network.step(obs), -np.inf)
        actions = (logits + rng.gumbel(size=logits.shape)).argmax(-1)
        self._network.remember(actions)
        return actions


class SamplingEnvRunner(TeamEnvRunner):
    """Plays with the stochastic policy, and knows no ε."""

    def new_actor(self):
        return SamplingActor(self.module.agent, self.env.num_envs)

    def get_metrics(self):
        metrics = super().get_metrics()
        del metrics["epsilon"]
        return metrics


class Critic(nn.Sequential):
    """Two layers, whose values can be rescaled."""

    def rescale(self, factor):
        rescale(factor, self[-1])


class ActorCriticModule(TeamRLModule):
    """Agents, and a critic that sees the state."""

    training_networks = ("critic",)

    def make_training_networks(self, n_agents, state_dim):
        units = self.model_config["critic_hidden_dim"]
        self.critic = Critic(nn.Linear(state_dim, units), nn.ReLU(), nn.Linear(units, 1))

    def value_networks(self):
        return ("critic",)

    def _forward_train(self, batch, **kwargs):
        return {
            "logits": self.utilities(self.agent, self.seen(batch))[:, :-1],
            "values": self.critic(batch["state"].float()).squeeze(-1)[:, :-1],
        }


class ActorCriticLearner(TeamLearner):
    """The policy gradient of one step's reward, above what the critic expects."""

    def compute_loss_for_module(self, *, module_id, config, batch, fwd_out):
        mask = step_mask(batch["lengths"], batch["rewards"].shape[1])
        logits = fwd_out["logits"].masked_fill(~batch["avail_actions"][:, :-1], -1e9)
        log_probabilities = chosen(logits.log_softmax(-1), batch["actions"].long()).sum(-1)
        advantages = batch["rewards"] - fwd_out["values"]
        losses = {
            "policy_loss": masked_sum(-log_probabilities * advantages.detach(), mask),
            "critic_loss": masked_sum(advantages.square(), mask),
        }
        losses = {name: total / batch["num_steps"][0] for name, total in losses.items()}
        self.log_numbers(module_id, {name: loss.detach() for name, loss in losses.items()})
        self.report_episodes(module_id, numbers=batch["numbers"])
        return self.finite_or_no_gradient(torch.stack([*losses.values()]).sum())


class ActorCriticConfig(TeamAlgorithmConfig):
    """On-policy: one round of 4 episodes is a batch, and all that the replay buffer holds."""

    groups = (*TeamAlgorithmConfig.groups, CriticSettings)
    losses = ("policy_loss", "critic_loss")

    def __init__(self, algo_class=None):
        super().__init__(algo_class or ActorCritic)
        self.env_runner_cls = SamplingEnvRunner
        self.num_envs_per_env_runner = self.rollout_episodes_per_update = 4
        self.train_batch_episodes = self.replay_buffer_capacity = 4

    def networks(self):
        return super().networks() | {"critic_hidden_dim": self.critic_hidden_dim}

    def get_default_learner_class(self):
        return ActorCriticLearner

    def get_default_rl_module_spec(self):
        return RLModuleSpec(module_class=ActorCriticModule, model_config=self.networks())


class ActorCritic(TeamAlgorithm):
    """Multi-agent actor-critic."""

    @classmethod
    def get_default_config(cls):
        return ActorCriticConfig()

    def learner_result_keys(self):
        return [*super().learner_result_keys(), "policy_loss", "critic_loss"]


class PrioritizedConfig(ActorCriticConfig):
    """Draws by priorities, which its learner does not report."""

    def draws_by_priority(self):
        return True
