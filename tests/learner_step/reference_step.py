"""One step of the learner from batch to new parameters: targets, weights, loss, gradient, Adam. Nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tests.learner_step.reference_networks import (
    MIXERS,
    Team,
    agent_inputs,
    agent_outputs,
    feed_forward,
    joint_q,
    mixer_gradient,
    normalised,
    of_actions,
    own_outputs,
    q_jt,
)
from tests.learner_step.reference_targets import greedy_actions, lambda_returns
from tests.learner_step.reference_weights import SCHEMES, Step


@dataclass(frozen=True)
class Settings:
    """What the step depends on, named as in the package's configs."""

    mixer: str | None = "qmix"
    weighting: str = "uniform"
    weighting_config: dict[str, Any] = field(default_factory=dict)
    weighting_mode: str = "loss"
    gamma: float = 0.99
    td_lambda: float = 0.6
    td_trace: str = "watkins"
    time_limit: str = "truncation"
    truncated_value: str = "previous"
    limits: tuple[float, float] = (-np.inf, np.inf)  # of the values in targets
    q_star_loss_weight: float = 1.0
    opt_loss_weight: float = 1.0
    nopt_loss_weight: float = 0.1
    utility_clamp: tuple[float, float] | None = None
    observe_last_action: bool = True
    observe_agent_id: bool = True
    share_parameters: bool = True
    observe_time: bool = False
    normalize_observations: bool = False
    skip_removed_agents: bool = True

    @property
    def use_q_star(self):
        return self.weighting not in ("uniform",)


class ReferenceStep:
    """What the learner must compute from a batch with given parameters.

    Args:
        parameters: name → array, of the online and of the target networks.
        batch: name → array, as the replay buffer gives it.
        settings: of the algorithm.

    Attributes:
        greedy [B, T+1, n], target_values [B, T+1], q_tot and q_star [B, T].
        targets, scheme_weights: lists of lists, of the real steps.
        priorities: [B]; loss_weights, q_star_weights: lists of lists, what the two losses are weighted with.
    """

    def __init__(self, parameters, batch, settings):
        self.settings, self.batch = settings, batch
        self.parameters = {name: np.asarray(array, float) for name, array in parameters.items()}
        steps, agents = batch["obs"].shape[1:3]
        self.n_actions = batch["avail_actions"].shape[-1]
        everywhere = np.full((len(batch["lengths"]), agents), steps)
        self.lives = batch["lives"] if settings.skip_removed_agents else everywhere
        self._see(np.arange(steps) / (steps - 1))  # as the longest episodes are as long as the limit
        self._compute_targets()
        self._compute_weights()

    def _see(self, time):
        """What the networks read; `time` [T+1] is a share of the limit."""
        batch, settings = self.batch, self.settings
        obs, state = (
            np.nan_to_num(batch[name].astype(float)) for name in ("obs", "state")
        )  # NaN only on padding
        if settings.normalize_observations:
            in_episode = np.arange(len(time)) <= batch["lengths"][:, None]
            steps = np.arange(len(time))[:, None]
            alive = steps < batch["lives"][:, None] if settings.skip_removed_agents else in_episode[..., None]
            obs = normalised(obs, np.broadcast_to(alive, obs.shape[:-1]))
            state = normalised(state, in_episode)
        if settings.observe_time:
            state = np.concatenate([state, np.broadcast_to(time[:, None], (*state.shape[:2], 1))], axis=-1)
        self.state = state
        agents = np.broadcast_to(np.eye(obs.shape[2]), (*obs.shape[:2], obs.shape[2], obs.shape[2]))
        self.observed = np.concatenate([obs, agents], axis=-1)
        for step in range(1, obs.shape[1]):  # Of an agent that has left, what it saw last.
            has_left = (step >= self.lives)[..., None]
            self.observed[:, step] = np.where(has_left, self.observed[:, step - 1], self.observed[:, step])
        self.inputs = agent_inputs(
            obs,
            batch["actions"],
            batch["avail_actions"].shape[-1],
            observe_last_action=settings.observe_last_action,
            observe_agent_id=settings.observe_agent_id,
            time=time if settings.observe_time else None,
        )

    def outputs(self, parameters, name):
        # The limits hold for the agents that act, and for their targets; not for those that only feed Q*.
        clamp = self.settings.utility_clamp if name in ("agent", "target_agent") else None
        outputs = agent_outputs if self.settings.share_parameters else own_outputs
        return outputs(parameters, name, self.inputs, self.lives, self.n_actions, clamp)

    def utilities(self, parameters, name):
        return self.outputs(parameters, name)[..., : self.n_actions]

    def _compute_targets(self):
        batch, settings = self.batch, self.settings
        self.agent_utilities = self.utilities(self.parameters, "agent")
        self.greedy = greedy_actions(self.agent_utilities, batch["avail_actions"])
        self.target_values = np.clip(self.target_values_of_greedy(), *settings.limits)
        took_greedy = (self.greedy[:, :-1] == batch["actions"]).all(-1)
        self.targets = self.returns(self.target_values, took_greedy)

    def target_values_of_greedy(self):
        """The target networks' value [B, T+1] of the joint action that is greedy by the online ones."""
        if self.settings.use_q_star:
            values = of_actions(self.utilities(self.parameters, "target_q_star_agent"), self.greedy)
            return joint_q(self.parameters, "target_q_star", values, self.state)
        utilities = self.utilities(self.parameters, "target_agent")
        values = of_actions(utilities, self.greedy)
        best = of_actions(utilities, greedy_actions(utilities, self.batch["avail_actions"]))
        team = Team(self.state, self.observed, self.greedy, (self.parameters, values, best))
        return MIXERS[self.settings.mixer](self.parameters, "target_mixer", values, team)

    def returns(self, target_values, took_greedy):
        """λ-returns of these values [B, T+1], a list of lists."""
        batch, settings = self.batch, self.settings
        values = target_values.copy()
        if settings.truncated_value == "previous":
            for of_episode, length in zip(values, batch["lengths"], strict=True):
                of_episode[length] = of_episode[length - 1]
        return lambda_returns(
            batch["rewards"].astype(float),
            values,
            batch["lengths"],
            batch["terminated"] | (settings.time_limit == "termination"),
            took_greedy if settings.td_trace == "watkins" else np.ones_like(took_greedy),
            gamma=settings.gamma,
            td_lambda=settings.td_lambda,
        )

    def _compute_weights(self):
        batch, settings = self.batch, self.settings
        self.q_tot = self.q_tot_of(self.parameters)
        self.q_star = self.q_star_of(self.parameters) if settings.use_q_star else None
        chosen = of_actions(self.agent_utilities[:, :-1], batch["actions"])
        gradient = np.full(chosen.shape, np.nan)
        if settings.mixer in ("vdn", "qmix", "qatten"):
            gradient = mixer_gradient(MIXERS[settings.mixer], self.parameters, chosen, self.team)
        self.steps = [
            [
                Step(
                    q_tot=self.q_tot[e, t],
                    target=self.targets[e][t],
                    greedy_value=self.target_values[e, t],
                    took_greedy=(batch["actions"][e, t] == self.greedy[e, t]).all(),
                    utilities=self.agent_utilities[e, t],
                    avail_actions=batch["avail_actions"][e, t],
                    actions=batch["actions"][e, t],
                    q_star=None if self.q_star is None else self.q_star[e, t],
                    mixer_gradient=gradient[e, t],
                )
                for t in range(length)
            ]
            for e, length in enumerate(batch["lengths"])
        ]
        self.scheme_weights = SCHEMES[settings.weighting](self.steps, **settings.weighting_config)
        self.priorities = np.array([np.mean(weights) for weights in self.scheme_weights])
        self.loss_weights, self.q_star_weights = (
            self.scheme_weights,
            [[1.0] * length for length in batch["lengths"]],
        )
        if settings.weighting_mode == "sampling":
            self.loss_weights, self.q_star_weights = [], []
            for weights, priority, importance in zip(
                self.scheme_weights, self.priorities, batch["importance"], strict=True
            ):
                self.loss_weights.append([w / priority * importance for w in weights])
                self.q_star_weights.append([importance] * len(weights))

    def q_tot_of(self, parameters):
        """Q_tot [B, T] of the joint actions taken, with other parameters."""
        chosen = of_actions(self.utilities(parameters, "agent")[:, :-1], self.batch["actions"])
        return MIXERS[self.settings.mixer](parameters, "mixer", chosen, self.team)

    @property
    def team(self):
        """What the mixer knows of the steps taken; advantages are those of the parameters of now."""
        utilities, actions = self.agent_utilities[:, :-1], self.batch["actions"]
        best = of_actions(utilities, self.greedy[:, :-1])
        fixed = (self.parameters, of_actions(utilities, actions), best)
        return Team(self.state[:, :-1], self.observed[:, :-1], actions, fixed)

    def q_star_of(self, parameters):
        """Q* [B, T] of the joint actions taken, with other parameters."""
        chosen = of_actions(self.utilities(parameters, "q_star_agent")[:, :-1], self.batch["actions"])
        return joint_q(parameters, "q_star", chosen, self.state[:, :-1])

    # The loss, with targets and weights held fixed

    def td_loss(self, parameters=None):
        """Σ over real steps of w·(Q_tot - y)², over their number."""
        values = self.q_tot if parameters is None else self.q_tot_of(parameters)
        return self._mean_squared_error(values, self.loss_weights)

    def whole_loss(self, parameters=None):
        """Of all but Q*."""
        return self.td_loss(parameters)

    def q_star_loss(self, parameters=None):
        """The same of Q*, with no weights but those of importance."""
        values = self.q_star if parameters is None else self.q_star_of(parameters)
        return self._mean_squared_error(values, self.q_star_weights)

    def loss(self):
        """The sum of both, that of Q* times its factor."""
        if not self.settings.use_q_star:
            return self.td_loss()
        return self.td_loss() + self.settings.q_star_loss_weight * self.q_star_loss()

    def _mean_squared_error(self, values, weights):
        total = 0.0
        for e, length in enumerate(self.batch["lengths"]):
            errors = values[e, :length] - self.targets[e]
            total += np.dot(weights[e], errors**2)
        return total / sum(self.batch["lengths"])

    def gradient(self, *, h=1e-5):
        """∂loss/∂θ of every online parameter, by central differences: name → array."""
        gradient = {}
        for name, array in self.parameters.items():
            if name.startswith("target_"):
                continue
            of_q_star = name.startswith("q_star")
            loss, factor = (
                (self.q_star_loss, self.settings.q_star_loss_weight) if of_q_star else (self.whole_loss, 1)
            )
            slopes = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                losses = []
                for move in (h, -h):
                    moved = array.copy()
                    moved[place] += move
                    losses.append(loss({**self.parameters, name: moved}))
                slopes[place] = factor * (losses[0] - losses[1]) / (2 * h)
            gradient[name] = slopes
        return gradient


class IndependentStep(ReferenceStep):
    """The same of independent agents: [B, T, n] values and targets, and a mean over agents too."""

    def _compute_targets(self):
        self.agent_utilities = self.utilities(self.parameters, "agent")
        self.greedy = greedy_actions(self.agent_utilities, self.batch["avail_actions"])
        values = of_actions(self.utilities(self.parameters, "target_agent"), self.greedy)
        self.target_values = np.clip(values, *self.settings.limits)
        took_greedy = self.greedy[:, :-1] == self.batch["actions"]
        self.targets = [
            self.returns(self.target_values[..., agent], took_greedy[..., agent])
            for agent in range(values.shape[-1])
        ]

    def _compute_weights(self):
        lengths = self.batch["lengths"]
        self.q_tot = self.q_tot_of(self.parameters)
        self.steps = [
            [Value(self.q_tot[e, t, agent], targets[e][t]) for t in range(length)]
            for agent, targets in enumerate(self.targets)
            for e, length in enumerate(lengths)
        ]
        self.scheme_weights = [[1.0] * length for length in lengths]
        self.priorities = np.ones(len(lengths))

    def q_tot_of(self, parameters):
        return of_actions(self.utilities(parameters, "agent")[:, :-1], self.batch["actions"])

    def td_loss(self, parameters=None):
        """The mean over real steps and agents of (Q^a - y^a)²."""
        values = self.q_tot if parameters is None else self.q_tot_of(parameters)
        errors = [
            (values[e, t, agent] - targets[e][t]) ** 2
            for agent, targets in enumerate(self.targets)
            for e, length in enumerate(self.batch["lengths"])
            for t in range(length)
        ]
        return np.mean(errors)


class Value(NamedTuple):
    """An agent's value of a step, and its target."""

    q_tot: float
    target: float


class QTRANStep(ReferenceStep):
    """The same of QTRAN: Q_jt in the place of Q_tot, and two constraints that leave it alone."""

    def features(self, parameters, name):
        return self.outputs(parameters, name)[..., self.n_actions :]

    def target_values_of_greedy(self):
        features = self.features(self.parameters, "target_agent")
        return q_jt(self.parameters, "target_q_jt", features, self.greedy, self.state)

    def q_tot_of(self, parameters):
        return self.q_jt_of(parameters, self.batch["actions"])

    def q_jt_of(self, parameters, actions):
        return q_jt(
            parameters, "q_jt", self.features(parameters, "agent")[:, :-1], actions, self.state[:, :-1]
        )

    def excess(self, parameters, actions):
        """Σ_a Q^a(u_a) - Q_jt(u) + V [B, T] with other parameters, but Q_jt as it is now."""
        utilities = self.utilities(parameters, "agent")[:, :-1]
        value = feed_forward(parameters, "state_value.net", [0, 2, 4], self.state[:, :-1])[..., 0]
        return of_actions(utilities, actions).sum(-1) - self.q_jt_of(self.parameters, actions) + value

    def constraint_losses(self, parameters=None):
        """opt and nopt."""
        parameters = parameters or self.parameters
        opt = self.excess(parameters, self.greedy[:, :-1])
        nopt = np.minimum(self.excess(parameters, self.batch["actions"]), 0)
        lengths = self.batch["lengths"]
        return [
            sum((errors[e, :length] ** 2).sum() for e, length in enumerate(lengths)) / sum(lengths)
            for errors in (opt, nopt)
        ]

    def whole_loss(self, parameters=None):
        opt, nopt = self.constraint_losses(parameters)
        return (
            self.td_loss(parameters)
            + self.settings.opt_loss_weight * opt
            + self.settings.nopt_loss_weight * nopt
        )

    def loss(self):
        return self.whole_loss()


REFERENCES = {"IQL": IndependentStep, "QTRAN": QTRANStep}


def global_norm(gradient):
    """√Σ g² over all parameters."""
    return np.sqrt(sum((slopes**2).sum() for slopes in gradient.values()))


def clipped(gradient, limit):
    """The gradient scaled to a global norm of `limit` if it has more."""
    factor = min(1.0, limit / global_norm(gradient))
    return {name: slopes * factor for name, slopes in gradient.items()}


class Adam:
    """Kingma & Ba 2015, algorithm 1, with its default β and ε."""

    def __init__(self):
        self.first, self.second, self.updates = {}, {}, 0

    def step(self, parameters, gradient, *, lr):
        """New parameters: name → array."""
        self.updates += 1
        moved = {}
        for name, g in gradient.items():
            m = self.first[name] = 0.9 * self.first.get(name, 0.0) + 0.1 * g
            v = self.second[name] = 0.999 * self.second.get(name, 0.0) + 0.001 * g**2
            m_hat, v_hat = m / (1 - 0.9**self.updates), v / (1 - 0.999**self.updates)
            moved[name] = parameters[name] - lr * m_hat / (np.sqrt(v_hat) + 1e-8)
        return moved
