"""Settings of actor-critics: their policies, targets and optimizers, and the rounds of those that are on-policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rllib_remix.settings import Count, Interval, OneOf, Schedule
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.loop import PlaySettings
from rllib_remix.team.settings.replay import MAX_EPISODES
from rllib_remix.team.settings.targets import TIME_LIMITS, TargetSettings

ACTIONS_IN_EVALUATION = ("greedy", "sampled")
OPTIMIZERS = ("adam", "rmsprop")


@dataclass(kw_only=True)
class StochasticPolicySettings(SettingGroup):
    """The agents' stochastic policies."""

    title: ClassVar[str] = "Policy"

    actions_in_evaluation: str = setting(
        "greedy",
        OneOf(ACTIONS_IN_EVALUATION),
        "what agents do in evaluation. greedy: each its most probable action, as in all papers; sampled: they draw "
        "from their policies, without ε. What is played from a checkpoint or an export is greedy.",
    )


@dataclass(kw_only=True)
class PolicySettings(StochasticPolicySettings):
    """The agents' stochastic policies."""

    entropy_coefficient: float = setting(
        0.01,
        Interval(0),
        "factor of the policies' mean entropy in the loss, which keeps them from becoming sure too early. 0.01 in pymarl2's "
        "VDAC.",
        before="actions_in_evaluation",
    )


@dataclass(kw_only=True)
class ActorCriticTargets(TargetSettings):
    """What the critic's values are fitted to."""

    td_lambda: float = setting(
        0.8, Interval(0, 1), "λ of the λ-return; 0 is one-step, 1 Monte Carlo. 0.8 in PyMARL's actor-critics."
    )


@dataclass(kw_only=True)
class EndingTargets(ActorCriticTargets):
    """What the critic's values are fitted to; a time limit is the end."""

    time_limit: str = setting(
        "termination",
        OneOf(TIME_LIMITS),
        "what the end of a truncated episode is for the targets. termination: the end, after which nothing comes, as EPyMARL "
        "has it; truncation: a cut, after which its value continues, as PyMARL has it.",
    )


@dataclass(kw_only=True)
class OptimizerSettings(SettingGroup):
    """What makes the steps of gradient descent; `lr` and `grad_clip` are RLlib's."""

    title: ClassVar[str] = "Optimizer"

    optimizer_kind: str = setting(
        "adam",
        OneOf(OPTIMIZERS),
        "adam (Kingma and Ba 2015), or rmsprop with smoothing 0.99 and ε 1e-5, as PyMARL's actor-critics have it.",
    )


@dataclass(kw_only=True)
class SeparateCriticSettings(OptimizerSettings):
    """What makes the steps of gradient descent, of actor and critic apart; `lr` is the actor's, `grad_clip` each's."""

    critic_lr: float | None = setting(
        None, Interval(0, low_open=True), "learning rate of the critic; None is `lr`."
    )


@dataclass(kw_only=True)
class OnPolicySettings(PlaySettings):
    """How playing and learning take turns: the agents play a batch with the newest weights, and one update follows."""

    title: ClassVar[str] = "Loop"

    train_batch_episodes: int = setting(
        8,
        Count(1, MAX_EPISODES),
        "episodes per update, all of them played since the last one: the env runners share them out, whatever their "
        "number. `num_envs_per_env_runner` copies at most play side by side. 8 in pymarl2.",
        before="reward_scale",
    )
    epsilon: float | list[list[float]] = setting(
        0.0,
        Schedule(0, 1),
        "with which probability an agent takes a uniformly random available action instead of one drawn from its policy; "
        "or its schedule over env steps. The loss knows nothing of it, so that above 0 the gradient is not quite "
        "that of the policy.",
    )
