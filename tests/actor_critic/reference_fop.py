"""FOP's loss in float64, from the parameters and a batch. Nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.actor_critic.reference_policies import (
    backwards,
    central_differences,
    drawn,
    entropy,
    mean_of_steps,
    pcg,
    pcg_word,
    policies,
)
from tests.learner_step.reference_networks import (
    agent_inputs,
    agent_outputs,
    feed_forward,
    joint_importance,
    of_actions,
)


@dataclass(frozen=True)
class Settings:
    """What the loss depends on, named as in the package's config."""

    gamma: float = 0.83
    td_lambda: float = 0.37
    temperature: float = 0.6
    time_limit: str = "truncation"
    truncated_value: str = "previous"
    skip_removed_agents: bool = True


class ReferenceFOP:
    """The loss of a batch as a function of the parameters, with targets, advantages and the policies' values held fixed.

    Args:
        parameters: name → array. batch: name → array, as the replay buffer gives it.
        update: how many updates there were, by which actions are drawn.

    Attributes:
        targets: of every episode, [L]. advantages: [B, T, n], the lesser Q^a(u_a) above its soft value.
    """

    def __init__(self, parameters, batch, settings, update=0):
        self.settings, self.batch, self.update = settings, batch, update
        self.parameters = {name: np.asarray(array, float) for name, array in parameters.items()}
        obs, self.state = (np.nan_to_num(batch[name].astype(float)) for name in ("obs", "state"))
        self.n_agents, self.n_actions = batch["avail_actions"].shape[2:]
        self.inputs = agent_inputs(
            obs, batch["actions"], self.n_actions, observe_last_action=True, observe_agent_id=True
        )
        everywhere = np.full(batch["lives"].shape, obs.shape[1])
        self.lives = batch["lives"] if settings.skip_removed_agents else everywhere
        self.lengths = batch["lengths"]
        fixed = [self.values(self.parameters, twin) for twin in (0, 1)]
        self.fixed_advantages = [
            of_actions(values, self.taken) - self.soft_values(values) for values in fixed
        ]
        self.lesser = np.minimum(*fixed)
        self.advantages = (of_actions(self.lesser, self.taken) - self.soft_values(self.lesser))[:, :-1]
        self._compute_targets()

    @property
    def taken(self):
        """The joint actions [B, T+1, n], 0 after the last."""
        return np.pad(self.batch["actions"], ((0, 0), (0, 1), (0, 0)))

    def policies(self, parameters):
        """π [B, T+1, n, U]."""
        logits = agent_outputs(parameters, "agent", self.inputs, self.lives, self.n_actions)
        return policies(logits, self.batch["avail_actions"])

    def values(self, parameters, twin, kind=""):
        """Q^a(·) [B, T+1, n, U]."""
        name = f"{kind}critic_agents.{twin}"
        return agent_outputs(parameters, name, self.inputs, self.lives, self.n_actions)

    def soft_values(self, values):
        """V^a [B, T+1, n] = α·log Σ exp(Q^a/α), action by action."""
        total = np.zeros(values.shape[:-1])
        for action in range(self.n_actions):
            odds = np.exp(values[..., action] / self.settings.temperature)
            total += np.where(self.batch["avail_actions"][..., action], odds, 0.0)
        return self.settings.temperature * np.log(np.where(total > 0, total, 1.0))

    def q_jt(self, parameters, twin, actions, advantages, kind=""):
        """Q_jt [B, T+1] of joint actions [B, T+1, n] with given Q^a - V^a [B, T+1, n]."""
        name = f"{kind}critic_mixers.{twin}"
        chosen = of_actions(self.values(parameters, twin, kind), actions)
        importance = joint_importance(parameters, f"{name}.importance", self.state, actions)
        of_state = feed_forward(parameters, f"{name}.value", [0, 2], self.state)[..., 0]
        return of_state + chosen.sum(-1) + ((importance - 1) * advantages).sum(-1)

    def _drawn(self, pi):
        """A joint action at every step, by the episode's number and the update's."""
        actions = np.zeros(pi.shape[:3], int)
        for e, t, a in np.ndindex(actions.shape):
            begin = pcg_word(pcg_word(int(self.batch["numbers"][e])) + self.update)
            actions[e, t, a] = drawn(pi[e, t, a], pcg(begin + t * self.n_agents + a))
        return actions

    def _compute_targets(self):
        settings, pi = self.settings, self.policies(self.parameters)
        actions = self._drawn(pi)
        of_twins = []
        for twin in (0, 1):
            values = self.values(self.parameters, twin, "target_")
            advantages = of_actions(values, actions) - self.soft_values(values)
            of_twins.append(self.q_jt(self.parameters, twin, actions, advantages, "target_"))
        after = np.minimum(*of_twins) - settings.temperature * np.log(of_actions(pi, actions)).mean(-1)
        self.targets = []
        for e, length in enumerate(self.lengths):
            following = after[e, 1 : length + 1].copy()
            if settings.truncated_value == "previous":
                following[-1] = after[e, length - 1]
            terminated = self.batch["terminated"][e] or settings.time_limit == "termination"
            rewards = self.batch["rewards"][e, :length].astype(float)
            keep = np.full(length, settings.td_lambda)
            returns = backwards(rewards, following, keep, terminated=terminated, gamma=settings.gamma)
            self.targets.append(returns)

    def policy_loss(self, parameters):
        pi = self.policies(parameters)
        log_pi = np.log(np.where(pi > 0, pi, 1.0))
        of_agents = (pi * (self.settings.temperature * log_pi - self.lesser)).sum(-1)
        return mean_of_steps(self.lengths, lambda e, t: of_agents[e, t].mean())

    def joint_values(self, parameters):
        """Of both critics, of the actions taken: two of [B, T+1]."""
        return [self.q_jt(parameters, twin, self.taken, self.fixed_advantages[twin]) for twin in (0, 1)]

    def value_loss(self, parameters):
        of_twins = self.joint_values(parameters)
        return mean_of_steps(
            self.lengths, lambda e, t: sum((values[e, t] - self.targets[e][t]) ** 2 for values in of_twins)
        )

    def entropy(self, parameters):
        of_agents = entropy(self.policies(parameters))
        return mean_of_steps(self.lengths, lambda e, t: of_agents[e, t].mean())

    def loss(self, parameters):
        return self.policy_loss(parameters) + self.value_loss(parameters)

    def gradient(self):
        """∂loss/∂θ of every online parameter: name → array."""
        return central_differences(self.parameters, self.loss)
