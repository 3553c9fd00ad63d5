"""Which weightings go with which way of making a team's value of its agents' utilities, and why not the others."""

from __future__ import annotations

from typing import Any

from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.models.mixers import MIXERS
from rllib_remix.value_based.schemes import find_scheme

# Algorithms without a mixer: why no weighting but `uniform` goes with them.
UNMIXED = {
    "IQL": "in IQL every agent fits its own value; there is no Q_tot whose error a weighting could weigh",
    "QTRAN": "in QTRAN no Q_tot is fitted to the targets: Q_jt is, which can fit all of them, and the constraints already "
    "weigh how an additive value follows it",
}


def check_weighting_of_value(config: Any) -> None:
    """Raises SettingError for a weighting that makes no sense with the config's mixer, or with none."""
    if config.unmixed:
        _check_unmixed(config, UNMIXED[config.unmixed])
        return
    if config.mixer is None:
        raise SettingError(
            f"mixer: None is not allowed here; it must be one of {', '.join(MIXERS)}. IQL is the algorithm without one."
        )
    if find_scheme(config.weighting).needs_mixer_gradient and not MIXERS[config.mixer].has_gradient:
        allowed = [name for name, scheme in SCHEMES.items() if not scheme.needs_mixer_gradient]
        mixers = [repr(name) for name, mixer in MIXERS.items() if mixer.has_gradient]
        raise SettingError(
            f"weighting: {config.weighting!r} is not allowed with mixer {config.mixer!r}: it needs ∂Q_tot/∂Q^a, but here "
            f"Q_tot is no function of the chosen utilities alone; allowed: {', '.join(allowed)}, or mixer "
            f"{' or '.join(mixers)}."
        )


def _check_unmixed(config: Any, reason: str) -> None:
    if config.mixer is not None:
        raise SettingError(
            f"mixer: {config.mixer!r} is not allowed in {config.unmixed}, which has none; it must be None."
        )
    if config.weighting != "uniform":
        raise SettingError(
            f"weighting: {config.weighting!r} is not allowed, as {reason}; it must be 'uniform'."
        )
    if config.weighting_mode != "loss":
        raise SettingError(
            f"weighting_mode: {config.weighting_mode!r} is not allowed, as {reason}: all weights are 1, by which nothing "
            "can be drawn; it must be 'loss'."
        )
