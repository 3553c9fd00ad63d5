"""COMA's loss in float64, from the parameters and a batch. Nothing of the package."""

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
    policies,
)
from tests.learner_step.reference_networks import agent_inputs, agent_outputs, feed_forward, of_actions


@dataclass(frozen=True)
class Settings:
    """What the loss depends on, named as in the package's config."""

    gamma: float = 0.83
    td_lambda: float = 0.37
    entropy_coefficient: float = 0.2
    time_limit: str = "truncation"
    truncated_value: str = "previous"
    skip_removed_agents: bool = True


class ReferenceCOMA:
    """The loss of a batch as a function of the parameters, with returns and advantages held fixed.

    Args:
        parameters: name → array. batch: name → array, as the replay buffer gives it.

    Attributes:
        returns, advantages, taken: of every episode, [L, n].
    """

    def __init__(self, parameters, batch, settings):
        self.settings, self.batch = settings, batch
        self.parameters = {name: np.asarray(array, float) for name, array in parameters.items()}
        self.obs, self.state = (np.nan_to_num(batch[name].astype(float)) for name in ("obs", "state"))
        self.n_agents, self.n_actions = batch["avail_actions"].shape[2:]
        self.inputs = agent_inputs(
            self.obs, batch["actions"], self.n_actions, observe_last_action=True, observe_agent_id=True
        )
        everywhere = np.full(batch["lives"].shape, self.obs.shape[1])
        self.lives = batch["lives"] if settings.skip_removed_agents else everywhere
        self._draw_last_actions()
        self.critic_inputs = self._critic_inputs()
        values, target = (self.values(self.parameters, name) for name in ("", "target_"))
        self.returns = [self._returns(e, of_actions(target, self.actions)[e]) for e in range(len(values))]
        pi = self.policies(self.parameters)
        baseline = (pi * values).sum(-1)
        taken = of_actions(values, self.actions)
        lengths = batch["lengths"]
        self.taken = [taken[e, :length] for e, length in enumerate(lengths)]
        self.advantages = [taken[e, :length] - baseline[e, :length] for e, length in enumerate(lengths)]

    def policies(self, parameters):
        """π [B, T+1, n, U]."""
        logits = agent_outputs(
            parameters, "agent", self.inputs, self.lives, self.batch["avail_actions"].shape[-1]
        )
        return policies(logits, self.batch["avail_actions"])

    def _draw_last_actions(self):
        """The joint actions [B, T+1, n], with one drawn after the last step."""
        pi = self.policies(self.parameters)
        self.actions = np.pad(self.batch["actions"], ((0, 0), (0, 1), (0, 0)))
        for e, length in enumerate(self.batch["lengths"]):
            for agent in range(self.n_agents):
                uniform = pcg(int(self.batch["numbers"][e]) * self.n_agents + agent)
                self.actions[e, length, agent] = drawn(pi[e, length, agent], uniform)

    def _critic_inputs(self):
        """[B, T+1, n, S + O + 2nU + n]: state, observation, what the others do, what all did before, index."""
        episodes, steps = self.obs.shape[:2]
        rows = np.zeros((episodes, steps, self.n_agents), object)
        for e, t, agent in np.ndindex(rows.shape):
            joint, before = np.zeros((2, self.n_agents, self.n_actions))
            for other in range(self.n_agents):
                joint[other, self.actions[e, t, other]] = other != agent
                if t:
                    before[other, self.actions[e, t - 1, other]] = 1
            index = np.eye(self.n_agents)[agent]
            parts = self.state[e, t], self.obs[e, t, agent], joint.ravel(), before.ravel(), index
            rows[e, t, agent] = np.concatenate(parts)
        return np.array(rows.tolist())

    def values(self, parameters, kind=""):
        """Q^a(·) [B, T+1, n, U]."""
        return feed_forward(parameters, f"{kind}central_critic.values.net", [0, 2, 4], self.critic_inputs)

    def _returns(self, e, target):
        """y [L, n] of an episode, from the target's values [T+1, n] of the actions taken."""
        batch, settings, length = self.batch, self.settings, self.batch["lengths"][e]
        following = target[1 : length + 1].copy()
        if settings.truncated_value == "previous":
            following[-1] = target[length - 1]
        terminated = batch["terminated"][e] or settings.time_limit == "termination"
        keep = np.full(length, settings.td_lambda)
        rewards = batch["rewards"][e, :length].astype(float)
        of_agents = [
            backwards(rewards, following[:, a], keep, terminated=terminated, gamma=settings.gamma)
            for a in range(self.n_agents)
        ]
        return np.stack(of_agents, axis=-1)

    def policy_loss(self, parameters):
        pi = of_actions(self.policies(parameters), self.actions)
        return -self._mean(lambda e, t: (self.advantages[e][t] * np.log(pi[e, t])).mean())

    def value_loss(self, parameters):
        taken = of_actions(self.values(parameters), self.actions)
        return self._mean(lambda e, t: ((taken[e, t] - self.returns[e][t]) ** 2).mean())

    def entropy(self, parameters):
        of_agents = entropy(self.policies(parameters))
        return self._mean(lambda e, t: of_agents[e, t].mean())

    def loss(self, parameters):
        weighted = self.settings.entropy_coefficient * self.entropy(parameters)
        return self.policy_loss(parameters) + self.value_loss(parameters) - weighted

    def _mean(self, of_step):
        return mean_of_steps(self.batch["lengths"], of_step)

    def gradient(self):
        """∂loss/∂θ of every online parameter: name → array."""
        return central_differences(self.parameters, self.loss)
