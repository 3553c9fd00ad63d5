"""MAPPO's loss in float64, from the parameters before an update, those of now and a batch. Nothing of the package."""

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
    clip_range: float = 0.1
    value_clip_range: float | None = 0.05
    huber_delta: float | None = 1.5
    entropy_coefficient: float = 0.2
    normalize_values: bool = True
    normalize_advantages: bool = True
    time_limit: str = "truncation"
    truncated_value: str = "previous"
    skip_removed_agents: bool = True


class ReferenceMAPPO:
    """The loss of a batch as a function of the parameters, with all that was noted before the first pass held fixed.

    Args:
        parameters: name → array, before the update. batch: name → array, as the replay buffer gives it.
        returns_so_far: count, mean and variance of those in earlier updates.

    Attributes:
        returns, advantages: of every episode, [L, n], in the unit of rewards.
        count, mean, variance: of all returns, these included.
    """

    def __init__(self, parameters, batch, settings, returns_so_far=(0, 0.0, 1.0)):
        self.settings, self.batch = settings, batch
        self.parameters = {name: np.asarray(array, float) for name, array in parameters.items()}
        self.lengths = batch["lengths"]
        obs, state = (np.nan_to_num(batch[name].astype(float)) for name in ("obs", "state"))
        self.n_actions, agents = batch["avail_actions"].shape[-1], obs.shape[2]
        self.inputs = agent_inputs(
            obs, batch["actions"], self.n_actions, observe_last_action=True, observe_agent_id=True
        )
        everywhere = np.full(batch["lives"].shape, obs.shape[1])
        self.lives = batch["lives"] if settings.skip_removed_agents else everywhere
        of_all = np.repeat(state[:, :, None], agents, axis=2)
        index = np.broadcast_to(np.eye(agents), (*obs.shape[:2], agents, agents))
        self.critic_inputs = np.concatenate([of_all, obs, index], axis=-1)
        self._note(returns_so_far)

    def _note(self, returns_so_far):
        count, mean, variance = returns_so_far
        outputs = self.outputs(self.parameters)
        values = outputs * np.sqrt(variance) + mean if self.settings.normalize_values else outputs
        episodes = range(len(self.lengths))
        self.returns = [self._returns(e, values[e]) for e in episodes]
        self.advantages = [self.returns[e] - values[e, : self.lengths[e]] for e in episodes]
        self.values = [values[e, : self.lengths[e]] for e in episodes]
        returns = np.concatenate(self.returns).ravel()
        total = count + returns.size
        self.mean = (count * mean + returns.sum()) / total
        squares = count * (variance + (mean - self.mean) ** 2) + ((returns - self.mean) ** 2).sum()
        self.count, self.variance = total, squares / total
        self.old_outputs, self.old_pi = outputs, self.taken(self.parameters)
        self.choices = [
            (e, t, a)
            for e, length in enumerate(self.lengths)
            for t in range(length)
            for a in range(outputs.shape[2])
            if self.batch["avail_actions"][e, t, a].sum() > 1
        ]
        of_choices = np.array([self.advantages[e][t, a] for e, t, a in self.choices])
        self.about = (of_choices.mean(), of_choices.std() + 1e-5)

    def outputs(self, parameters):
        """What the critic's network says, [B, T+1, n]."""
        return feed_forward(parameters, "central_critic.values.net", [0, 2, 4], self.critic_inputs)[..., 0]

    def policies(self, parameters):
        """π [B, T+1, n, U]."""
        logits = agent_outputs(parameters, "agent", self.inputs, self.lives, self.n_actions)
        return policies(logits, self.batch["avail_actions"])

    def taken(self, parameters):
        """π of the actions taken, [B, T, n]."""
        return of_actions(self.policies(parameters)[:, :-1], self.batch["actions"])

    def _returns(self, e, values):
        """G [L, n] of an episode from its values [T+1, n]."""
        length, settings = self.lengths[e], self.settings
        following = values[1 : length + 1].copy()
        if settings.truncated_value == "previous":
            following[-1] = values[length - 1]
        terminated = self.batch["terminated"][e] or settings.time_limit == "termination"
        rewards = self.batch["rewards"][e, :length].astype(float)
        keep = np.full(length, settings.td_lambda)
        of_agents = [
            backwards(rewards, following[:, a], keep, terminated=terminated, gamma=settings.gamma)
            for a in range(values.shape[1])
        ]
        return np.stack(of_agents, axis=-1)

    def ratios(self, parameters):
        """π / π_old of every choice."""
        now = self.taken(parameters)
        return np.array([now[place] / self.old_pi[place] for place in self.choices])

    def policy_loss(self, parameters):
        settings, terms = self.settings, []
        for ratio, (e, t, a) in zip(self.ratios(parameters), self.choices, strict=True):
            advantage = self.advantages[e][t, a]
            if settings.normalize_advantages:
                advantage = (advantage - self.about[0]) / self.about[1]
            within = min(max(ratio, 1 - settings.clip_range), 1 + settings.clip_range)
            terms.append(min(ratio * advantage, within * advantage))
        return -np.mean(terms)

    def value_loss(self, parameters):
        outputs = self.outputs(parameters)
        return mean_of_steps(
            self.lengths,
            lambda e, t: np.mean([self._error(outputs, e, t, a) for a in range(outputs.shape[2])]),
        )

    def _error(self, outputs, e, t, a):
        target, limit = self.returns[e][t, a], self.settings.value_clip_range
        if self.settings.normalize_values:
            target = (target - self.mean) / np.sqrt(self.variance)
        now, old = outputs[e, t, a], self.old_outputs[e, t, a]
        if limit is None:
            return self._huber(target - now)
        near = old + min(max(now - old, -limit), limit)
        return max(self._huber(target - now), self._huber(target - near))

    def _huber(self, error):
        delta = self.settings.huber_delta
        if delta is None or abs(error) <= delta:
            return error**2 / 2
        return delta * (abs(error) - delta / 2)

    def entropy(self, parameters):
        of_agents = entropy(self.policies(parameters))
        return np.mean([of_agents[place] for place in self.choices])

    def loss(self, parameters):
        weighted = self.settings.entropy_coefficient * self.entropy(parameters)
        return self.policy_loss(parameters) + self.value_loss(parameters) - weighted

    def gradient(self, parameters):
        """∂loss/∂θ: name → array."""
        as_floats = {name: np.asarray(array, float) for name, array in parameters.items()}
        return central_differences(as_floats, self.loss, h=1e-6)
