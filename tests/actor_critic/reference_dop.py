"""DOP's loss in float64, from the parameters and a batch. Nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.actor_critic.reference_policies import (
    backwards,
    central_differences,
    entropy,
    mean_of_steps,
    policies,
)
from tests.learner_step.reference_networks import agent_inputs, agent_outputs, feed_forward, of_actions


@dataclass(frozen=True)
class Settings:
    """What the loss depends on, named as in the package's config."""

    gamma: float = 0.83
    td_lambda: float = 0.37
    tree_backup_lambda: float = 0.9
    tree_backup_steps: int = 3
    entropy_coefficient: float = 0.2
    time_limit: str = "truncation"
    truncated_value: str = "previous"
    skip_removed_agents: bool = True


class ReferenceDOP:
    """The loss of a batch as a function of the parameters, with targets and advantages held fixed.

    Args:
        parameters: name → array. batch: name → array, as the replay buffer gives it.
        num_recent: how many of its last episodes are the newest.

    Attributes:
        targets: of every episode, [L]. advantages: of every episode, [L, n], k_a·A^a.
        lengths, recent_lengths: of all episodes; 0 in the second for those that are not recent.
    """

    def __init__(self, parameters, batch, settings, num_recent):
        self.settings, self.batch = settings, batch
        self.parameters = {name: np.asarray(array, float) for name, array in parameters.items()}
        obs, self.state = (np.nan_to_num(batch[name].astype(float)) for name in ("obs", "state"))
        self.n_agents, self.n_actions = batch["avail_actions"].shape[2:]
        self.inputs = agent_inputs(
            obs, batch["actions"], self.n_actions, observe_last_action=True, observe_agent_id=True
        )
        everywhere = np.full(batch["lives"].shape, obs.shape[1])
        self.lives = batch["lives"] if settings.skip_removed_agents else everywhere
        index = np.broadcast_to(np.eye(self.n_agents), (*obs.shape[:3], self.n_agents))
        of_team = np.repeat(self.state[:, :, None], self.n_agents, axis=2)
        self.critic_inputs = np.concatenate([of_team, obs, index], axis=-1)
        self.lengths = batch["lengths"]
        self.is_recent = np.arange(len(obs)) >= len(obs) - num_recent
        self.recent_lengths = self.lengths * self.is_recent
        self._compute_targets()
        self._compute_advantages()

    def policies(self, parameters):
        """π [B, T+1, n, U]."""
        logits = agent_outputs(
            parameters, "agent", self.inputs, self.lives, self.batch["avail_actions"].shape[-1]
        )
        return policies(logits, self.batch["avail_actions"])

    def values(self, parameters, kind=""):
        """Q^a(·) [B, T+1, n, U], advantages and a value added up."""
        out = feed_forward(parameters, f"{kind}central_critic.values.net", [0, 2, 4], self.critic_inputs)
        return out[..., : self.n_actions] + out[..., self.n_actions :]

    def weights(self, parameters, kind=""):
        """k [B, T+1, n]."""
        of_agents, of_team = (
            np.abs(self.state @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"])
            for name in (f"{kind}central_critic.of_agents", f"{kind}central_critic.of_team")
        )
        of_agents = of_agents.reshape(*of_agents.shape[:2], self.n_agents, -1)
        raw = np.einsum("btnm,btm->btn", of_agents, of_team) + 1e-6
        return raw / raw.sum(-1, keepdims=True)

    def q_tot(self, parameters, kind=""):
        """Q_tot of the actions taken [B, T]."""
        values, weights = self.values(parameters, kind)[:, :-1], self.weights(parameters, kind)[:, :-1]
        return (weights * of_actions(values, self.batch["actions"])).sum(-1)

    def _compute_targets(self):
        settings, pi = self.settings, self.policies(self.parameters)
        values, weights = self.values(self.parameters, "target_"), self.weights(self.parameters, "target_")
        expected = (weights * (pi * values).sum(-1)).sum(-1)
        taken = self.q_tot(self.parameters, "target_")
        joint = of_actions(pi[:, :-1], self.batch["actions"]).prod(-1)
        self.targets = []
        for e, length in enumerate(self.lengths):
            after = expected[e].copy()
            if settings.truncated_value == "previous":
                after[length] = after[length - 1]
            if self.batch["terminated"][e] or settings.time_limit == "termination":
                after[length] = 0.0
            of_episode = self._on_policy if self.is_recent[e] else self._off_policy
            rewards = self.batch["rewards"][e, :length].astype(float)
            self.targets.append(of_episode(rewards, taken[e], after, joint[e]))

    def _on_policy(self, rewards, taken, after, joint):
        following = np.append(taken[1 : len(rewards)], after[len(rewards)])
        keep = np.full(len(rewards), self.settings.td_lambda)
        return backwards(rewards, following, keep, terminated=False, gamma=self.settings.gamma)

    def _off_policy(self, rewards, taken, after, joint):
        settings, length = self.settings, len(rewards)
        found = taken[:length].copy()
        for t in range(length):
            factor = 1.0
            for k in range(t, min(t + settings.tree_backup_steps, length)):
                if k > t:
                    factor *= settings.gamma * settings.tree_backup_lambda * joint[k]
                found[t] += factor * (rewards[k] + settings.gamma * after[k + 1] - taken[k])
        return found

    def _compute_advantages(self):
        pi, values = self.policies(self.parameters)[:, :-1], self.values(self.parameters)[:, :-1]
        own = of_actions(values, self.batch["actions"]) - (pi * values).sum(-1)
        credit = self.weights(self.parameters)[:, :-1] * own
        self.advantages = [credit[e, :length] for e, length in enumerate(self.lengths)]

    def policy_loss(self, parameters):
        pi = of_actions(self.policies(parameters)[:, :-1], self.batch["actions"])
        of_step = lambda e, t: (self.advantages[e][t] * np.log(pi[e, t])).mean()  # noqa: E731
        return -mean_of_steps(self.recent_lengths, of_step)

    def value_loss(self, parameters):
        q_tot = self.q_tot(parameters)
        return mean_of_steps(self.lengths, lambda e, t: (q_tot[e, t] - self.targets[e][t]) ** 2)

    def entropy(self, parameters):
        """Of the newest episodes' steps."""
        of_agents = entropy(self.policies(parameters))
        return mean_of_steps(self.recent_lengths, lambda e, t: of_agents[e, t].mean())

    def loss(self, parameters):
        weighted = self.settings.entropy_coefficient * self.entropy(parameters)
        return self.policy_loss(parameters) + self.value_loss(parameters) - weighted

    def gradient(self):
        """∂loss/∂θ of every online parameter: name → array."""
        return central_differences(self.parameters, self.loss)
