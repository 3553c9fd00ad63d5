"""Checks of what a user asks of a weighting, before anything is started."""

from __future__ import annotations

from typing import Any, get_type_hints

from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import SCHEMES, Scheme
from rllib_remix.settings import Allowed, SomeOf, check_choice, check_keys


def check_weighting(name: str, config: dict[str, Any]) -> None:
    """Raises SettingError if there is no scheme of that name, or it cannot have these settings.

    What a setting may be stands beside it in the signature of the scheme's function.
    """
    check_choice("weighting", name, SCHEMES)
    scheme = SCHEMES[name]
    if not isinstance(config, dict):
        raise SettingError(
            f"weighting_config: {config!r} is not allowed; it must be a dict of settings of {name!r}."
        )
    settings = scheme.settings()
    check_keys(f"weighting_config of {name!r}", config, settings)
    allowed = allowed_values(scheme)
    for key, value in config.items():
        allowed[key].check(f"weighting_config.{key}", value)
    _check_levels({**settings, **config})


def allowed_values(scheme: Scheme) -> dict[str, Allowed]:
    """What each setting of a scheme may be."""
    hints = get_type_hints(scheme.function, include_extras=True)
    return {
        name: SomeOf(scheme.can_disable()) if name == "disable" else hints[name].__metadata__[0]
        for name in scheme.settings()
    }


def _check_levels(settings: dict[str, Any]) -> None:
    """MAC-PO's approximation: the levels must keep their order, or their names would lie."""
    names = [name for name in ("alpha_low", "alpha_medium", "alpha_high") if name in settings]
    levels = [settings[name] for name in names]
    if levels != sorted(levels):
        got = ", ".join(f"{name} = {level:g}" for name, level in zip(names, levels, strict=True))
        raise SettingError(
            f"weighting_config: {got} is not allowed; it must be alpha_low ≤ alpha_medium ≤ alpha_high."
        )
