"""The loss weightings: each a pure function from what the networks say to one weight per env step.

A scheme takes `WeightingInputs` and its own settings as keyword arguments with defaults, and returns weights
[B, T] that are finite, never negative and 0 on padding, together with its terms for the log. To add one: write
the function, enter it into `SCHEMES`, and test it with numbers worked out by hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rllib_remix.learning.action_probability import boltzmann_probabilities, joint_action_probability
from rllib_remix.learning.loss import masked_mean
from rllib_remix.settings import SettingError, check_choice, check_keys, check_number


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
    terms: dict[str, Tensor]  # name -> [B, T]; the log shows their means over real steps (bool: shares)


def uniform(inputs: WeightingInputs) -> Weights:
    """1 on every real step: QMIX and VDN."""
    return Weights(inputs.mask.to(inputs.q_tot.dtype), {})


def optimistic(inputs: WeightingInputs, *, alpha: float = 0.1) -> Weights:
    """1 where Q_tot underestimates, else α: OW-QMIX (Rashid et al. 2020; ReMIX, equation 2).

    Args:
        alpha: weight of overestimated steps, (0, 1]; the papers use 0.1 on Predator-Prey and 0.5 on SMAC.
    """
    return _on_real_steps(torch.where(inputs.q_tot < inputs.targets, 1.0, alpha), inputs.mask)


def central(inputs: WeightingInputs, *, alpha: float = 0.1) -> Weights:
    """1 where the joint action is the greedy one or its target beats V(t), else α: CW-QMIX (Rashid et al. 2020).

    Args:
        alpha: weight of all other steps, (0, 1]; 0.1 on Predator-Prey and 0.5 on SMAC.
    """
    better = inputs.targets > inputs.greedy_value
    central_weight = torch.where(inputs.took_greedy | better, 1.0, alpha)
    return _on_real_steps(
        central_weight, inputs.mask, took_greedy=inputs.took_greedy, better_than_greedy=better
    )


def remix(
    inputs: WeightingInputs,
    *,
    min_weight: float = 0.1,
    range_map: str = "clip",
    exponent_clamp: float = 2.0,
    gradient_floor: float = 1e-6,
    temperature: float = 1.0,
    disable: Sequence[str] = (),
) -> Weights:
    """ReMIX's regret-minimizing weight (Theorem 1 and Algorithm 1), mapped onto [min_weight, 1].

    Where Q_tot ≤ y the raw weight is B·V·G: Bellman error × value underestimation × mixer gradient; everywhere
    else, and where G makes it negative, it is 0 and maps to `min_weight`. The fourth factor of the theorem, the
    on-policiness d^π/μ, is no function of these inputs: it is a matter of how batches are drawn, and left out here.

    Args:
        min_weight: w_min, (0, 1]; 0.1 on Predator-Prey in the paper.
        range_map: "clip" limits the raw weight to [min_weight, 1]; "minmax" maps the batch's real steps
            linearly onto that range. The paper leaves this open.
        exponent_clamp: the exponent of V is kept within ± this, (0, 20]; more could overflow float32.
        gradient_floor: the least mixer gradient that G divides by; at least 1e-9, for the same reason.
        temperature: of the Boltzmann probabilities in G; at least 1e-6.
        disable: terms to leave out (factor 1), of "bellman_error", "value_underestimation", "mixer_gradient".
            Without the Bellman error its condition Q_tot ≤ y goes too.
    """
    assert inputs.q_star is not None
    assert inputs.mixer_gradient is not None
    bellman_error = inputs.targets - inputs.q_tot
    exponent = inputs.q_star - inputs.q_tot
    underestimation = value_underestimation(inputs.q_star, inputs.q_tot, exponent_clamp=exponent_clamp)
    probs = boltzmann_probabilities(
        inputs.utilities, inputs.avail_actions, inputs.actions, temperature=temperature
    )
    gradient_term = mixer_gradient_term(probs, inputs.mixer_gradient, floor=gradient_floor)
    factors = {
        "bellman_error": bellman_error.clamp(min=0),
        "value_underestimation": underestimation,
        "mixer_gradient": gradient_term,
    }
    raw = torch.ones_like(inputs.q_tot)
    for name, factor in factors.items():
        if name not in disable:
            raw = raw * factor
    weights = RANGE_MAPS[range_map](raw.clamp(min=0), inputs.mask, min_weight)
    return _on_real_steps(
        weights,
        inputs.mask,
        **factors,
        exponent_clamped=exponent.abs() > exponent_clamp,
        gradient_floored=(inputs.mixer_gradient < gradient_floor).any(-1),
        negative_clamped=raw < 0,
    )


def macpo(
    inputs: WeightingInputs,
    *,
    normalize: str = "none",
    temperature: float = 1.0,
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
    assert inputs.q_star is not None
    probs = boltzmann_probabilities(
        inputs.utilities, inputs.avail_actions, inputs.actions, temperature=temperature
    )
    factors = {
        "bellman_error": (inputs.q_tot - inputs.targets).abs(),
        "value_enhancement": value_enhancement(inputs.q_star, inputs.q_tot),
        "joint_action_probability": joint_action_probability(probs),
    }
    weights = torch.ones_like(inputs.q_tot)
    for name, factor in factors.items():
        if name not in disable:
            weights = weights * factor
    weights = NORMALIZATIONS[normalize](weights, inputs.mask)
    return _on_real_steps(weights, inputs.mask, **factors)


def value_underestimation(q_star: Tensor, q_tot: Tensor, *, exponent_clamp: float) -> Tensor:
    """V = exp(Q* - Q_tot), the second factor of ReMIX's weight: [B, T] float32, above 1 where Q_tot is below Q*."""
    return (q_star - q_tot).clamp(-exponent_clamp, exponent_clamp).exp()


def value_enhancement(q_star: Tensor, q_tot: Tensor) -> Tensor:
    """exp(-|Q_tot - Q*|), the second factor of MAC-PO's weight: [B, T] float32 in [0, 1]."""
    return torch.exp(-(q_tot - q_star).abs())


def mixer_gradient_term(action_probs: Tensor, mixer_gradient: Tensor, *, floor: float) -> Tensor:
    """G = Σ_j (1 - π^j) / f'_j - 1, the third factor of ReMIX's weight; it may come out negative.

    Args:
        action_probs, mixer_gradient: [B, T, n] float32, π^j and f'_j.
        floor: f'_j is at least this.

    Returns:
        [B, T] float32.
    """
    return ((1.0 - action_probs) / mixer_gradient.clamp(min=floor)).sum(-1) - 1.0


def clip_range(raw: Tensor, mask: Tensor, min_weight: float) -> Tensor:
    """[B, T] raw weights limited to [min_weight, 1]."""
    return raw.clamp(min_weight, 1.0)


def minmax_range(raw: Tensor, mask: Tensor, min_weight: float) -> Tensor:
    """[B, T] raw weights mapped linearly, so that the real steps' least is min_weight and their largest 1.

    With two or more learners each maps the part of the batch that it holds. If all are equal there is nothing
    to tell apart, and all are 1.
    """
    least = raw.masked_fill(~mask, torch.inf).amin()
    span = raw.masked_fill(~mask, -torch.inf).amax() - least
    scaled = min_weight + (1.0 - min_weight) * ((raw - least) / span)
    return torch.where(span > 0, scaled, torch.ones_like(raw))


def _mean_one(weights: Tensor, mask: Tensor) -> Tensor:
    mean = masked_mean(weights, mask)
    return torch.where(mean > 0, weights / mean, weights)


RANGE_MAPS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "clip": clip_range,
    "minmax": minmax_range,
}
NORMALIZATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "none": lambda weights, mask: weights,
    "mean": _mean_one,
}


def _on_real_steps(weights: Tensor, mask: Tensor, **terms: Tensor) -> Weights:
    return Weights(weights.masked_fill(~mask, 0.0), terms)


class Scheme(NamedTuple):
    """An entry of the table: the function, what the learner must compute for it, and what it logs."""

    function: Callable[..., Weights]
    needs_q_star: bool = False
    needs_mixer_gradient: bool = False
    terms: tuple[
        str, ...
    ] = ()  # factors of the weight, each of which can be disabled; logged as `<term>_mean`
    shares: tuple[str, ...] = ()  # conditions, of which the log shows how often they hold, as `<name>_share`

    def settings(self) -> dict[str, Any]:
        """The scheme's settings and their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


SCHEMES: dict[str, Scheme] = {
    "uniform": Scheme(uniform),
    "ow": Scheme(optimistic, needs_q_star=True),
    "cw": Scheme(central, needs_q_star=True, shares=("took_greedy", "better_than_greedy")),
    "remix": Scheme(
        remix,
        needs_q_star=True,
        needs_mixer_gradient=True,
        terms=("bellman_error", "value_underestimation", "mixer_gradient"),
        shares=("exponent_clamped", "gradient_floored", "negative_clamped"),
    ),
    "macpo": Scheme(
        macpo,
        needs_q_star=True,
        terms=("bellman_error", "value_enhancement", "joint_action_probability"),
    ),
}


def check_weighting(name: str, config: dict[str, Any]) -> None:
    """Raises SettingError if there is no scheme of that name, or it cannot have these settings."""
    check_choice("weighting", name, SCHEMES)
    scheme = SCHEMES[name]
    if not isinstance(config, dict):
        raise SettingError(
            f"weighting_config: {config!r} is not allowed; it must be a dict of settings of {name!r}."
        )
    check_keys(f"weighting_config of {name!r}", config, scheme.settings())
    for key in ("alpha", "min_weight"):
        if key in config:
            check_number(f"weighting_config.{key}", config[key], low=0, high=1, low_open=True)
    if "exponent_clamp" in config:
        check_number(
            "weighting_config.exponent_clamp", config["exponent_clamp"], low=0, high=20, low_open=True
        )
    for key, low in (("gradient_floor", 1e-9), ("temperature", 1e-6)):
        if key in config:
            check_number(f"weighting_config.{key}", config[key], low=low)
    if "range_map" in config:
        check_choice("weighting_config.range_map", config["range_map"], RANGE_MAPS)
    if "normalize" in config:
        check_choice("weighting_config.normalize", config["normalize"], NORMALIZATIONS)
    disable = config.get("disable", ())
    if isinstance(disable, str) or not isinstance(disable, Sequence):
        raise SettingError(
            f"weighting_config.disable: {disable!r} is not allowed; it must be a list of {', '.join(scheme.terms)}."
        )
    for term in disable:
        check_choice("weighting_config.disable", term, scheme.terms)
