"""VDAC's loss in float64, from the parameters and a batch: agents, values, λ-returns, policies. Nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.learner_step.reference_networks import MIXERS, Team, agent_inputs, agent_outputs, of_actions


@dataclass(frozen=True)
class Settings:
    """What the loss depends on, named as in the package's config."""

    mixer: str = "qmix"
    gamma: float = 0.83
    td_lambda: float = 0.37
    entropy_coefficient: float = 0.2
    value_loss_weight: float = 0.3
    time_limit: str = "truncation"
    truncated_value: str = "previous"
    skip_removed_agents: bool = True


class ReferenceVDAC:
    """The parts of the loss of a batch, each a function of the parameters, with returns and advantages held fixed.

    Args:
        parameters: name → array. batch: name → array, as the replay buffer gives it.

    Attributes:
        values [B, T+1], V_tot; returns and advantages: lists, of every episode, of the real steps.
    """

    def __init__(self, parameters, batch, settings):
        self.settings, self.batch = settings, batch
        self.parameters = {name: np.asarray(array, float) for name, array in parameters.items()}
        obs, self.state = (np.nan_to_num(batch[name].astype(float)) for name in ("obs", "state"))
        self.n_actions, steps = batch["avail_actions"].shape[-1], obs.shape[1]
        self.inputs = agent_inputs(
            obs, batch["actions"], self.n_actions, observe_last_action=True, observe_agent_id=True
        )
        everywhere = np.full(batch["lives"].shape, steps)
        self.lives = batch["lives"] if settings.skip_removed_agents else everywhere
        self.values = self.values_of(self.parameters)
        self.returns = [self._returns(episode) for episode in range(len(obs))]
        self.advantages = [g - self.values[e, : len(g)] for e, g in enumerate(self.returns)]

    def outputs(self, parameters):
        """[B, T+1, n, U + 1]."""
        return agent_outputs(
            parameters, "agent", self.inputs, self.lives, self.batch["avail_actions"].shape[-1]
        )

    def values_of(self, parameters):
        team = Team(self.state, agents=None, actions=None, fixed=())
        return MIXERS[self.settings.mixer](parameters, "mixer", self.outputs(parameters)[..., -1], team)

    def _returns(self, episode):
        """G of the real steps, backwards from the last."""
        batch, settings = self.batch, self.settings
        length, values = batch["lengths"][episode], self.values[episode]
        after = values[length - 1] if settings.truncated_value == "previous" else values[length]
        if batch["terminated"][episode] or settings.time_limit == "termination":
            after = 0.0
        rewards = batch["rewards"][episode, :length].astype(float)
        found = [rewards[-1] + settings.gamma * after]
        for t in reversed(range(length - 1)):
            mixed = (1 - settings.td_lambda) * values[t + 1] + settings.td_lambda * found[0]
            found.insert(0, rewards[t] + settings.gamma * mixed)
        return np.array(found)

    def policies(self, parameters):
        """π [B, T, n, U] over the available actions."""
        logits = self.outputs(parameters)[:, :-1, :, : self.n_actions]
        odds = np.where(self.batch["avail_actions"][:, :-1], np.exp(logits), 0.0)
        return odds / odds.sum(-1, keepdims=True)

    def policy_loss(self, parameters):
        pi = of_actions(self.policies(parameters), self.batch["actions"])
        return -self._mean(lambda e, t: self.advantages[e][t] * np.log(pi[e, t]).mean())

    def value_loss(self, parameters):
        values = self.values_of(parameters)
        return self._mean(lambda e, t: (values[e, t] - self.returns[e][t]) ** 2)

    def entropy(self, parameters):
        pi = self.policies(parameters)
        surprise = np.where(pi > 0, -np.log(np.where(pi > 0, pi, 1.0)), 0.0)
        return self._mean(lambda e, t: (pi[e, t] * surprise[e, t]).sum(-1).mean())

    def loss(self, parameters):
        settings = self.settings
        return (
            self.policy_loss(parameters)
            + settings.value_loss_weight * self.value_loss(parameters)
            - settings.entropy_coefficient * self.entropy(parameters)
        )

    def _mean(self, of_step):
        terms = [of_step(e, t) for e, length in enumerate(self.batch["lengths"]) for t in range(length)]
        return np.mean(terms)

    def gradient(self, *, h=1e-5):
        """∂loss/∂θ by central differences: name → array."""
        gradient = {}
        for name, array in self.parameters.items():
            slopes = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                up, down = array.copy(), array.copy()
                up[place] += h
                down[place] -= h
                losses = [self.loss({**self.parameters, name: moved}) for moved in (up, down)]
                slopes[place] = (losses[0] - losses[1]) / (2 * h)
            gradient[name] = slopes
        return gradient
