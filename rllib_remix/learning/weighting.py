"""The loss weightings: each a pure function from what the networks say to one weight per env step.

A scheme takes `WeightingInputs` and its own settings as keyword arguments with defaults, annotated with what they
may be, and returns weights [B, T] that are finite, never negative and 0 on padding, together with its terms for the
log. To add one: write the function, enter it into `SCHEMES`, and test it with numbers worked out by hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from rllib_remix.learning.action_probability import (
    approximate_joint_action_probability,
    boltzmann_probabilities,
    joint_action_probability,
)
from rllib_remix.learning.weight_ranges import NORMALIZATIONS, RANGE_MAPS
from rllib_remix.learning.weight_terms import (
    error_priority,
    mixer_gradient_term,
    spread_backwards,
    value_enhancement,
    value_underestimation,
)
from rllib_remix.settings import Interval, OneOf

# What settings may be.
Level = Annotated[float, Interval(0, 1, low_open=True)]
Temperature = Annotated[float, Interval(1e-6)]
Normalization = Annotated[str, OneOf(NORMALIZATIONS)]
ErrorExponent = Annotated[float, Interval(0, 1)]
ErrorOffset = Annotated[float, Interval(0, 1, low_open=True)]


class WeightingInputs(NamedTuple):
    """What a scheme may look at. Nothing carries gradient; values on padding are arbitrary."""

    q_tot: Tensor  # [B, T] float32, monotonic value of the joint action taken
    targets: Tensor  # [B, T] float32, y
    mask: Tensor  # [B, T] bool, True on real steps
    utilities: Tensor  # [B, T, n, U] float32
    avail_actions: Tensor  # [B, T, n, U] bool
    actions: Tensor  # [B, T, n] int64
    took_greedy: Tensor  # [B, T] bool, the joint action taken is the greedy one
    greedy_value: Tensor  # [B, T] float32, V(t): target network's value of the greedy joint action
    q_star: Tensor | None = None  # [B, T] float32, unrestricted value of the joint action taken
    mixer_gradient: Tensor | None = None  # [B, T, n] float32, ∂Q_tot/∂Q^j


class Weights(NamedTuple):
    """A scheme's result."""

    weights: Tensor  # [B, T] float32
    terms: dict[
        str, Tensor
    ]  # name -> [B, T]: factors of the weight (float32) and conditions (bool), for the log


# QMIX and its weighted kin


def uniform(inputs: WeightingInputs) -> Weights:
    """1 on every real step: QMIX and VDN."""
    return Weights(inputs.mask.to(inputs.q_tot.dtype), {})


def optimistic(inputs: WeightingInputs, *, alpha: Level = 0.1) -> Weights:
    """1 where Q_tot underestimates, else α: OW-QMIX (Rashid et al. 2020; ReMIX, equation 2).

    Args:
        alpha: weight of overestimated steps, (0, 1]; the papers use 0.1 on Predator-Prey and 0.5 on SMAC.
    """
    weights = torch.where(inputs.q_tot < inputs.targets, 1.0, alpha)
    return _on_real_steps(weights, inputs.mask, **_limits(weights, alpha))


def central(inputs: WeightingInputs, *, alpha: Level = 0.1) -> Weights:
    """1 where the joint action is the greedy one or its target beats V(t), else α: CW-QMIX (Rashid et al. 2020).

    Args:
        alpha: weight of all other steps, (0, 1]; 0.1 on Predator-Prey and 0.5 on SMAC.
    """
    better = inputs.targets > inputs.greedy_value
    weights = torch.where(inputs.took_greedy | better, 1.0, alpha)
    conditions = {"took_greedy": inputs.took_greedy, "better_than_greedy": better}
    return _on_real_steps(weights, inputs.mask, **conditions, **_limits(weights, alpha))


# ReMIX


def remix(
    inputs: WeightingInputs,
    *,
    min_weight: Level = 0.1,
    range_map: Annotated[str, OneOf(RANGE_MAPS)] = "clip",
    exponent_clamp: Annotated[float, Interval(0, 20, low_open=True)] = 2.0,
    gradient_floor: Annotated[float, Interval(1e-9)] = 1e-6,
    temperature: Temperature = 1.0,
    disable: Sequence[str] = (),
) -> Weights:
    """ReMIX's regret-minimizing weight (Theorem 1 and Algorithm 1), mapped onto [min_weight, 1].

    Where Q_tot ≤ y the raw weight is B·V·G: Bellman error × value underestimation × mixer gradient; everywhere
    else, and where G makes it negative, it is 0 and maps to `min_weight`. The fourth factor of the theorem, the
    on-policiness d^π/μ, is no function of these inputs: the replay buffer stands in for it, by drawing a share of
    every batch from the newest episodes.

    Args:
        min_weight: w_min, (0, 1]; 0.1 on Predator-Prey in the paper.
        range_map: "clip" limits the raw weight to [min_weight, 1]; "minmax" maps the batch's real steps
            linearly onto that range. The paper leaves this open.
        exponent_clamp: the exponent of V is kept within ± this, (0, 20]; more could overflow float32.
        gradient_floor: the least mixer gradient that G divides by; at least 1e-9, for the same reason.
        temperature: of the Boltzmann probabilities in G; at least 1e-6.
        disable: terms to leave out (factor 1), of "bellman_error", "value_underestimation", "mixer_gradient",
            "on_policiness". Without the Bellman error its condition Q_tot ≤ y goes too; without on-policiness no
            share of the batch is drawn from the newest episodes.
    """
    assert inputs.q_star is not None
    assert inputs.mixer_gradient is not None
    probs = _action_probabilities(inputs, temperature)
    factors = {
        "bellman_error": (inputs.targets - inputs.q_tot).clamp(min=0),
        "value_underestimation": value_underestimation(
            inputs.q_star, inputs.q_tot, exponent_clamp=exponent_clamp
        ),
        "mixer_gradient": mixer_gradient_term(probs, inputs.mixer_gradient, floor=gradient_floor),
    }
    raw = _product(factors, disable)
    weights = RANGE_MAPS[range_map](raw.clamp(min=0), inputs.mask, min_weight)
    return _on_real_steps(
        weights,
        inputs.mask,
        **factors,
        **_limits(weights, min_weight),
        exponent_clamped=(inputs.q_star - inputs.q_tot).abs() > exponent_clamp,
        gradient_floored=(inputs.mixer_gradient < gradient_floor).any(-1),
        negative_clamped=raw < 0,
    )


# MAC-PO and what it is compared with: one factor more from one to the next


def macpo(
    inputs: WeightingInputs,
    *,
    normalize: Normalization = "none",
    temperature: Temperature = 1.0,
    disable: Sequence[str] = (),
) -> Weights:
    """MAC-PO's optimal weight |Q_tot - y|·exp(-|Q_tot - Q*|)·J (Theorem 1 and Algorithm 1).

    Args:
        normalize: "none" (as the reference implementation) or "mean", which divides by the mean over the
            batch's real steps, so that E[w] = 1 as in the theorem (with two or more learners, over the part of
            the batch that each holds).
        temperature: of the Boltzmann probabilities in J; at least 1e-6.
        disable: terms to leave out (factor 1), of "bellman_error", "value_enhancement",
            "joint_action_probability".
    """
    joint = joint_action_probability(_action_probabilities(inputs, temperature))
    factors = _discor_factors(inputs) | {"joint_action_probability": joint}
    return _normalized(_product(factors, disable), inputs.mask, normalize, factors)


def macpo_corrected(
    inputs: WeightingInputs,
    *,
    min_weight: Level = 0.1,
    temperature: Temperature = 1.0,
    disable: Sequence[str] = (),
) -> Weights:
    """max((y - Q_tot)·(K - sgn(Q_tot - Q*)), 0)·exp(-|Q_tot - Q*|), within [min_weight, 1]; K = Σ_j (1 - π^j).

    MAC-PO's theorem without three slips of its proof: equation 24 multiplies by Π π once too often, by which K becomes J - 1; 26
    has the wrong sign and loses sgn; 27 takes the error's absolute value. The limits are not the paper's.

    Args:
        min_weight: the least weight, (0, 1]; 1 is the greatest.
        temperature: of the Boltzmann probabilities in K; at least 1e-6.
        disable: terms to leave out (factor 1), of "bellman_error", "value_enhancement",
            "joint_action_probability".
    """
    assert inputs.q_star is not None
    unsure = (1.0 - _action_probabilities(inputs, temperature)).sum(-1)
    factors = {
        "bellman_error": inputs.targets - inputs.q_tot,
        "value_enhancement": value_enhancement(inputs.q_star, inputs.q_tot),
        "joint_action_probability": unsure - torch.sign(inputs.q_tot - inputs.q_star),
    }
    raw = _product(factors, disable)
    weights = raw.clamp(min_weight, 1.0)
    limits = _limits(weights, min_weight)
    return _on_real_steps(weights, inputs.mask, **factors, **limits, negative_clamped=raw < 0)


def macpo_approx(
    inputs: WeightingInputs,
    *,
    alpha_high: Level = 0.75,
    alpha_medium: Level = 0.5,
    alpha_low: Level = 0.25,
    threshold: Annotated[float, Interval(0, 0.5, low_open=True, high_open=True)] = 0.1,
    normalize: Normalization = "none",
    temperature: Temperature = 1.0,
    disable: Sequence[str] = (),
) -> Weights:
    """MAC-PO with three levels α_h, α_m, α_l in the place of J (Algorithm 2).

    Args:
        alpha_high, alpha_medium, alpha_low: the levels, (0, 1]; 0.75, 0.5 and 0.25 in the paper.
        threshold: a probability up to this counts as 0, one from 1 - this on as 1; (0, 0.5). The paper leaves it open.
        normalize, temperature, disable: as for `macpo`.
    """
    joint = approximate_joint_action_probability(
        _action_probabilities(inputs, temperature),
        threshold=threshold,
        high=alpha_high,
        medium=alpha_medium,
        low=alpha_low,
    )
    factors = _discor_factors(inputs) | {"joint_action_probability": joint}
    return _normalized(_product(factors, disable), inputs.mask, normalize, factors)


def discor(
    inputs: WeightingInputs, *, normalize: Normalization = "none", disable: Sequence[str] = ()
) -> Weights:
    """|Q_tot - y|·exp(-|Q_tot - Q*|): DisCor (Kumar et al. 2020), as MAC-PO's section 5.1 transplants it to teams.

    Args:
        normalize: as for `macpo`.
        disable: terms to leave out (factor 1), of "bellman_error", "value_enhancement".
    """
    factors = _discor_factors(inputs)
    return _normalized(_product(factors, disable), inputs.mask, normalize, factors)


def remern(
    inputs: WeightingInputs,
    *,
    normalize: Normalization = "none",
    temperature: Temperature = 1.0,
    disable: Sequence[str] = (),
) -> Weights:
    """|Q_tot - y|·exp(-|Q_tot - Q*|)·(2 - Π_j π^j): ReMERN (Liu et al. 2021) with the team as one agent.

    The last factor is MAC-PO's J for a single agent, whose probability is that of the joint action.

    Args:
        normalize, temperature: as for `macpo`.
        disable: terms to leave out (factor 1), of "bellman_error", "value_enhancement", "action_likelihood".
    """
    team_probability = _action_probabilities(inputs, temperature).prod(-1)
    factors = _discor_factors(inputs) | {"action_likelihood": 2.0 - team_probability}
    return _normalized(_product(factors, disable), inputs.mask, normalize, factors)


def per(
    inputs: WeightingInputs,
    *,
    alpha: ErrorExponent = 0.6,
    epsilon: ErrorOffset = 0.01,
    normalize: Normalization = "none",
) -> Weights:
    """(|Q_tot - y| + ε)^α: prioritized experience replay (Schaul et al. 2016) as a loss weight (MAC-PO, section 5.1).

    Args:
        alpha: how much the error counts, [0, 1]; 0 is uniform. 0.6 in the source.
        epsilon: what a step without error weighs, (0, 1].
        normalize: as for `macpo`.
    """
    error = inputs.q_tot - inputs.targets
    weights = error_priority(error, alpha=alpha, epsilon=epsilon)
    return _normalized(weights, inputs.mask, normalize, {"bellman_error": error.abs()})


def pser(
    inputs: WeightingInputs,
    *,
    alpha: ErrorExponent = 0.6,
    epsilon: ErrorOffset = 0.01,
    decay: Annotated[float, Interval(0, 1)] = 0.4,
    window: Annotated[int, Interval(0, 10_000, integer=True)] = 5,
    normalize: Normalization = "none",
) -> Weights:
    """The weight of `per`, spread to the steps that led there (PSER, Brittain et al. 2019).

    Args:
        alpha, epsilon, normalize: as for `per`.
        decay: ρ, what is left of a weight one step earlier, [0, 1]; 0.4 in MAC-PO's section 5.1.
        window: env steps back that a weight reaches; 5 there.
    """
    error = inputs.q_tot - inputs.targets
    priorities = error_priority(error, alpha=alpha, epsilon=epsilon).masked_fill(~inputs.mask, 0.0)
    weights = spread_backwards(priorities, decay=decay, window=int(window))
    raised = weights > priorities
    return _normalized(weights, inputs.mask, normalize, {"bellman_error": error.abs(), "raised": raised})


def _discor_factors(inputs: WeightingInputs) -> dict[str, Tensor]:
    assert inputs.q_star is not None
    return {
        "bellman_error": (inputs.q_tot - inputs.targets).abs(),
        "value_enhancement": value_enhancement(inputs.q_star, inputs.q_tot),
    }


def _action_probabilities(inputs: WeightingInputs, temperature: float) -> Tensor:
    return boltzmann_probabilities(
        inputs.utilities, inputs.avail_actions, inputs.actions, temperature=temperature
    )


def _product(factors: dict[str, Tensor], disable: Sequence[str]) -> Tensor:
    product = torch.ones_like(next(iter(factors.values())))
    for name, factor in factors.items():
        if name not in disable:
            product = product * factor
    return product


def _normalized(weights: Tensor, mask: Tensor, normalize: str, terms: dict[str, Tensor]) -> Weights:
    return _on_real_steps(NORMALIZATIONS[normalize](weights, mask), mask, **terms)


def _limits(weights: Tensor, least: float) -> dict[str, Tensor]:
    return {"at_floor": weights <= least, "at_ceiling": weights >= 1.0}


def _on_real_steps(weights: Tensor, mask: Tensor, **terms: Tensor) -> Weights:
    return Weights(weights.masked_fill(~mask, 0.0), terms)


class Scheme(NamedTuple):
    """An entry of the table: the function, what the learner must compute for it, and what it logs."""

    function: Callable[..., Weights]
    needs_q_star: bool = True
    needs_mixer_gradient: bool = False
    terms: tuple[str, ...] = ()  # logged as `<term>_mean` and `<term>_std`
    shares: tuple[str, ...] = ()  # conditions, of which the log shows how often they hold, as `<name>_share`
    recent_share: float | None = None  # of every batch, from the newest episodes, if on-policiness is a term
    normalizes: bool = False  # its setting `normalize` scales batches, by which weights cannot be priorities
    ascending: tuple[str, ...] = ()  # settings of which none may be above the next

    def settings(self) -> dict[str, Any]:
        """The scheme's settings and their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def can_disable(self) -> tuple[str, ...]:
        """The terms that `disable` may name."""
        if "disable" not in self.settings():
            return ()
        return self.terms if self.recent_share is None else (*self.terms, ON_POLICINESS)


ON_POLICINESS = "on_policiness"  # the term that a share of recent episodes stands for

_LIMITS = ("at_floor", "at_ceiling")
_DISCOR = ("bellman_error", "value_enhancement")

SCHEMES: dict[str, Scheme] = {
    "uniform": Scheme(uniform, needs_q_star=False),
    "ow": Scheme(optimistic, shares=_LIMITS),
    "cw": Scheme(central, shares=("took_greedy", "better_than_greedy", *_LIMITS)),
    "remix": Scheme(
        remix,
        needs_mixer_gradient=True,
        terms=("bellman_error", "value_underestimation", "mixer_gradient"),
        shares=("exponent_clamped", "gradient_floored", "negative_clamped", *_LIMITS),
        recent_share=0.25,
    ),
    "macpo": Scheme(macpo, terms=(*_DISCOR, "joint_action_probability"), normalizes=True),
    "macpo_corrected": Scheme(
        macpo_corrected,
        terms=(*_DISCOR, "joint_action_probability"),
        shares=("negative_clamped", *_LIMITS),
    ),
    "macpo_approx": Scheme(
        macpo_approx,
        terms=(*_DISCOR, "joint_action_probability"),
        normalizes=True,
        ascending=("alpha_low", "alpha_medium", "alpha_high"),
    ),
    "discor": Scheme(discor, terms=_DISCOR, normalizes=True),
    "remern": Scheme(remern, terms=(*_DISCOR, "action_likelihood"), normalizes=True),
    "per": Scheme(per, terms=("bellman_error",), normalizes=True),
    "pser": Scheme(pser, terms=("bellman_error",), shares=("raised",), normalizes=True),
}
