"""Other readings of both theorems: weights that the papers' texts allow, or that correct a slip, to be tried against the schemes.

Each is a pure function as those of `learning/weighting.py`; one of them, `macpo_corrected`, has become a scheme there. `weightings.py`
above gives some of the others names, by which algorithms can be trained with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rllib_remix.learning.action_probability import boltzmann_probabilities
from rllib_remix.learning.loss import masked_mean
from rllib_remix.learning.weight_terms import mixer_gradient_term, value_enhancement, value_underestimation
from rllib_remix.learning.weighting import SCHEMES, WeightingInputs, Weights

_LEAST, _CLAMP, _FLOOR = 0.1, 2.0, 1e-6  # w_min, exponent_clamp and gradient_floor, as the schemes' defaults
_SURE = 0.1  # a probability up to this counts as 0, one from 1 - this on as 1

Weigh = Callable[[WeightingInputs], Weights]


def of_scheme(name: str, **settings: Any) -> Weigh:
    """A scheme of the package as a function to its weights."""
    function = SCHEMES[name].function
    return lambda inputs: function(inputs, **settings)


def remix_by_the_mean(inputs: WeightingInputs) -> Weights:
    """The range by the mean of the raw weights: w = clamp(raw / (2·mean raw), w_min, 1), whatever the rewards' unit."""
    raw = _error(inputs).clamp(min=0) * _underestimation(inputs) * _gradient(inputs).clamp(min=0)
    mean = masked_mean(raw, inputs.mask)
    return _within(inputs, raw / (2 * mean).clamp(min=1e-12))


def remix_with_the_dropped_term(inputs: WeightingInputs) -> Weights:
    """B·(V·max(G, 0) + 1{u greedy}·exp(Q_tot - Q*)): the term at u* that the proof leaves out after its equation 27."""
    assert inputs.q_star is not None
    at_greedy = (inputs.q_tot - inputs.q_star).clamp(-_CLAMP, _CLAMP).exp() * inputs.took_greedy
    raw = _error(inputs).clamp(min=0) * (
        _underestimation(inputs) * _gradient(inputs).clamp(min=0) + at_greedy
    )
    return _within(inputs, raw)


def remix_signed(inputs: WeightingInputs) -> Weights:
    """max((y - Q_tot)·G, 0)·V: what slackness asks for is the sign of the product, not that of y - Q_tot."""
    raw = (_error(inputs) * _gradient(inputs)).clamp(min=0) * _underestimation(inputs)
    return _within(inputs, raw)


def remix_without_minus_one(inputs: WeightingInputs) -> Weights:
    """G without its -1, which only the dropped term balances: never negative."""
    raw = _error(inputs).clamp(min=0) * _underestimation(inputs) * (_gradient(inputs) + 1.0)
    return _within(inputs, raw)


def remix_mean_over_agents(inputs: WeightingInputs) -> Weights:
    """G as a mean over agents, (1/n)·Σ_j (1 - π^j)/f'_j - 1, whose scale does not grow with n."""
    assert inputs.mixer_gradient is not None
    n_agents = inputs.mixer_gradient.shape[-1]
    gradient = (_gradient(inputs) + 1.0) / n_agents - 1.0
    raw = _error(inputs).clamp(min=0) * _underestimation(inputs) * gradient.clamp(min=0)
    return _within(inputs, raw)


def macpo_corrected_unclipped(inputs: WeightingInputs) -> Weights:
    """The scheme `macpo_corrected` without limits."""
    terms = SCHEMES["macpo_corrected"].function(inputs).terms
    raw = terms["bellman_error"] * terms["value_enhancement"] * terms["joint_action_probability"]
    return _as_weights(inputs, raw.clamp(min=0))


def macpo_clipped(inputs: WeightingInputs) -> Weights:
    """MAC-PO's weight as printed, within [w_min, 1]: what the limits alone do."""
    return _within(inputs, SCHEMES["macpo"].function(inputs).weights)


def macpo_approx_in_order(inputs: WeightingInputs) -> Weights:
    """Levels by cases in order: high if one agent is unsure and all others are sure, low if Π π is near 0 or 1, else medium."""
    probs = _probabilities(inputs)
    joint, low = probs.prod(-1), probs <= _SURE
    one_unsure = (low.sum(-1) == 1) & ((probs >= 1 - _SURE) | low).all(-1)
    level = torch.where((joint <= _SURE) | (joint >= 1 - _SURE), 0.25, 0.5)
    assert inputs.q_star is not None
    error = _error(inputs).abs()
    enhancement = value_enhancement(inputs.q_star, inputs.q_tot)
    return _as_weights(inputs, error * enhancement * torch.where(one_unsure, 0.75, level))


def _within(inputs: WeightingInputs, raw: Tensor) -> Weights:
    return _as_weights(inputs, raw.clamp(_LEAST, 1.0))


def _as_weights(inputs: WeightingInputs, weights: Tensor) -> Weights:
    return Weights(weights.masked_fill(~inputs.mask, 0.0), {})


def _error(inputs: WeightingInputs) -> Tensor:
    return inputs.targets - inputs.q_tot


def _underestimation(inputs: WeightingInputs) -> Tensor:
    assert inputs.q_star is not None
    return value_underestimation(inputs.q_star, inputs.q_tot, exponent_clamp=_CLAMP)


def _gradient(inputs: WeightingInputs) -> Tensor:
    assert inputs.mixer_gradient is not None
    return mixer_gradient_term(_probabilities(inputs), inputs.mixer_gradient, floor=_FLOOR)


def _probabilities(inputs: WeightingInputs) -> Tensor:
    return boltzmann_probabilities(inputs.utilities, inputs.avail_actions, inputs.actions, temperature=1.0)


# What is compared: name → what gives the weights, and of which group it is.
SCHEMES_COMPARED: dict[str, Weigh] = {
    "uniform (QMIX)": of_scheme("uniform"),
    "OW, α 0.1": of_scheme("ow"),
    "OW, α 0.5": of_scheme("ow", alpha=0.5),
    "CW, α 0.1": of_scheme("cw"),
    "ReMIX, clip": of_scheme("remix"),
    "ReMIX, minmax": of_scheme("remix", range_map="minmax"),
    "MAC-PO": of_scheme("macpo"),
    "MAC-PO, approx.": of_scheme("macpo_approx"),
    "DisCor": of_scheme("discor"),
    "ReMERN": of_scheme("remern"),
    "PER": of_scheme("per"),
}
TERMS_COMPARED: dict[str, Weigh] = {
    "ReMIX without B": of_scheme("remix", disable=("bellman_error",)),
    "ReMIX without V": of_scheme("remix", disable=("value_underestimation",)),
    "ReMIX without G": of_scheme("remix", disable=("mixer_gradient",)),
    "MAC-PO without the error": of_scheme("macpo", disable=("bellman_error",)),
    "MAC-PO without the enhancement": of_scheme("macpo", disable=("value_enhancement",)),
    "MAC-PO without J (DisCor)": of_scheme("macpo", disable=("joint_action_probability",)),
}
READINGS_COMPARED: dict[str, Weigh] = {
    "ReMIX, range by the mean": remix_by_the_mean,
    "ReMIX, dropped term": remix_with_the_dropped_term,
    "ReMIX, signed": remix_signed,
    "ReMIX, G without −1": remix_without_minus_one,
    "ReMIX, mean over agents": remix_mean_over_agents,
    "MAC-PO corrected, clipped": of_scheme("macpo_corrected"),
    "MAC-PO corrected": macpo_corrected_unclipped,
    "MAC-PO, clipped": macpo_clipped,
    "MAC-PO approx., in order": macpo_approx_in_order,
}
