"""The loss weights of one step at a time, as the papers print them. Nothing of the package.

Every scheme takes a list of episodes, each a list of its real steps, and its settings; it returns weights of the same
form. Sources: ReMIX, Theorem 1 and Algorithm 1; MAC-PO, Theorem 1, Algorithms 1 and 2, section 5.1; Rashid et al. 2020.
"""

from __future__ import annotations

from math import exp, prod
from typing import NamedTuple

import numpy as np


class Step(NamedTuple):
    """What is known of one real step."""

    q_tot: float
    target: float  # y
    greedy_value: float  # V(t): the target networks' value of the greedy joint action of this step
    took_greedy: bool
    utilities: np.ndarray  # [n, U]
    avail_actions: np.ndarray  # [n, U] bool
    actions: np.ndarray  # [n]
    q_star: float | None
    mixer_gradient: np.ndarray  # [n]


def probabilities(step, temperature):
    """π^j of every agent's action, over its available actions."""
    found = []
    for utilities, available, action in zip(step.utilities, step.avail_actions, step.actions, strict=True):
        odds = [exp(u / temperature) if a else 0.0 for u, a in zip(utilities, available, strict=True)]
        found.append(odds[action] / sum(odds))
    return found


def of_every_step(weight, episodes):
    return [[weight(step) for step in episode] for episode in episodes]


def uniform(episodes):
    return of_every_step(lambda step: 1.0, episodes)


def ow(episodes, *, alpha=0.1):
    return of_every_step(lambda step: 1.0 if step.q_tot < step.target else alpha, episodes)


def cw(episodes, *, alpha=0.1):
    def weight(step):
        return 1.0 if step.took_greedy or step.target > step.greedy_value else alpha

    return of_every_step(weight, episodes)


def remix(
    episodes,
    *,
    min_weight=0.1,
    range_map="clip",
    exponent_clamp=2.0,
    gradient_floor=1e-6,
    temperature=1.0,
    disable=(),
):
    """B·V·G where Q_tot ≤ y, mapped onto [min_weight, 1]."""

    def raw(step):
        product = 1.0
        if "bellman_error" not in disable:
            product *= max(step.target - step.q_tot, 0.0)
        if "value_underestimation" not in disable:
            product *= exp(min(max(step.q_star - step.q_tot, -exponent_clamp), exponent_clamp))
        if "mixer_gradient" not in disable:
            pi = probabilities(step, temperature)
            f = [max(slope, gradient_floor) for slope in step.mixer_gradient]
            product *= sum((1 - p) / slope for p, slope in zip(pi, f, strict=True)) - 1
        return max(product, 0.0)

    raw_weights = of_every_step(raw, episodes)
    if range_map == "clip":
        return [[min(max(w, min_weight), 1.0) for w in episode] for episode in raw_weights]
    least, most = min(map(min, raw_weights)), max(map(max, raw_weights))
    return [
        [min_weight + (1 - min_weight) * (w - least) / (most - least) for w in episode]
        for episode in raw_weights
    ]


def macpo(episodes, *, temperature=1.0, normalize="none", disable=()):
    """|Q_tot - y|·exp(-|Q_tot - Q*|)·J."""

    def weight(step):
        factors = error_factors(step)
        pi = probabilities(step, temperature)
        n = len(pi)
        one_deviates = sum(prod(pi[:i] + pi[i + 1 :]) for i in range(n))
        factors["joint_action_probability"] = 1 + one_deviates - n * prod(pi)
        return product(factors, disable)

    return normalized(of_every_step(weight, episodes), normalize)


def macpo_corrected(episodes, *, min_weight=0.1, temperature=1.0, disable=()):
    """(y - Q_tot)·(Σ (1 - π) - sgn(Q_tot - Q*))·exp(-|Q_tot - Q*|), within [min_weight, 1]."""

    def weight(step):
        above = step.q_tot - step.q_star
        factors = {
            "bellman_error": step.target - step.q_tot,
            "value_enhancement": exp(-abs(above)),
            "joint_action_probability": sum(1 - p for p in probabilities(step, temperature))
            - (above > 0)
            + (above < 0),
        }
        return min(max(product(factors, disable), min_weight), 1.0)

    return of_every_step(weight, episodes)


def macpo_approx(
    episodes,
    *,
    alpha_high=0.75,
    alpha_medium=0.5,
    alpha_low=0.25,
    threshold=0.1,
    temperature=1.0,
    normalize="none",
    disable=(),
):
    """As `macpo`, with one of three levels instead of J."""

    def level(pi):
        near_zero = [p <= threshold for p in pi]
        near_one = [p >= 1 - threshold for p in pi]
        if sum(near_zero) == 1 and sum(near_one) == len(pi) - 1:
            return alpha_high
        if sum(near_zero) >= 2 or all(near_one):
            return alpha_low
        return alpha_medium

    def weight(step):
        factors = error_factors(step)
        factors["joint_action_probability"] = level(probabilities(step, temperature))
        return product(factors, disable)

    return normalized(of_every_step(weight, episodes), normalize)


def discor(episodes, *, normalize="none", disable=()):
    """|Q_tot - y|·exp(-|Q_tot - Q*|)."""
    return normalized(of_every_step(lambda step: product(error_factors(step), disable), episodes), normalize)


def remern(episodes, *, temperature=1.0, normalize="none", disable=()):
    """|Q_tot - y|·exp(-|Q_tot - Q*|)·(2 - Π_j π^j)."""

    def weight(step):
        factors = error_factors(step)
        factors["action_likelihood"] = 2 - prod(probabilities(step, temperature))
        return product(factors, disable)

    return normalized(of_every_step(weight, episodes), normalize)


def per(episodes, *, alpha=0.6, epsilon=0.01, normalize="none"):
    """(|Q_tot - y| + ε)^α."""
    return normalized(
        of_every_step(lambda step: (abs(step.q_tot - step.target) + epsilon) ** alpha, episodes), normalize
    )


def pser(episodes, *, alpha=0.6, epsilon=0.01, decay=0.4, window=5, normalize="none"):
    """The weight of `per`, or that of one of the next `window` steps, times ρ for every step between, if it is more."""
    own = per(episodes, alpha=alpha, epsilon=epsilon)
    spread = [
        [
            max(w * decay**back for back, w in enumerate(episode[t : t + window + 1]))
            for t in range(len(episode))
        ]
        for episode in own
    ]
    return normalized(spread, normalize)


def error_factors(step):
    return {
        "bellman_error": abs(step.q_tot - step.target),
        "value_enhancement": exp(-abs(step.q_tot - step.q_star)),
    }


def product(factors, disable):
    return prod(factor for name, factor in factors.items() if name not in disable)


def normalized(weights, normalize):
    """With "mean" divided by the mean over all real steps."""
    if normalize == "none":
        return weights
    mean = np.mean([w for episode in weights for w in episode])
    return [[w / mean for w in episode] for episode in weights]


SCHEMES = {
    "uniform": uniform,
    "ow": ow,
    "cw": cw,
    "remix": remix,
    "macpo": macpo,
    "macpo_corrected": macpo_corrected,
    "macpo_approx": macpo_approx,
    "discor": discor,
    "remern": remern,
    "per": per,
    "pser": pser,
}
