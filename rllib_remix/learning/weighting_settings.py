"""Checks of what a user asks of a weighting, before anything is started."""

from __future__ import annotations

import inspect
from types import NoneType
from typing import Any, NamedTuple, get_args

from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import Scheme
from rllib_remix.settings import Allowed, SomeOf, check_keys

DISABLE = "disable"  # the setting that names terms to leave out


class Annotation(NamedTuple):
    """What the signature of a scheme's function says of a setting."""

    type: Any
    allowed: Allowed | None  # None if it does not say

    @property
    def type_name(self) -> str:
        """As readers are shown it."""
        return inspect.formatannotation(self.type)

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless the setting may have this value."""
        may_be_none = NoneType in get_args(self.type)
        if self.allowed is not None and not (value is None and may_be_none):
            self.allowed.check(name, value)


def check_weighting_config(name: str, scheme: Scheme, config: dict[str, Any]) -> None:
    """Raises SettingError if the scheme of that name cannot have these settings.

    What a setting may be stands beside it in the signature of the scheme's function.
    """
    if not isinstance(config, dict):
        raise SettingError(
            f"weighting_config: {config!r} is not allowed; it must be a dict of settings of {name!r}."
        )
    settings = scheme.settings()
    check_keys(f"weighting_config of {name!r}", config, settings)
    allowed = annotations_of(scheme)
    for key, value in config.items():
        allowed[key].check(f"weighting_config.{key}", value)
    _check_ascending(scheme, {**settings, **config})


def annotations_of(scheme: Scheme) -> dict[str, Annotation]:
    """What each setting of a scheme may be; `disable` may name the scheme's terms unless its annotation says otherwise.

    Raises:
        NameError and others: an annotation is a text that cannot be evaluated.
    """
    hints = inspect.get_annotations(scheme.function, eval_str=True)
    found = {name: _annotation(hints.get(name, Any)) for name in scheme.settings()}
    terms = scheme.can_disable()
    if terms and found[DISABLE].allowed is None:
        found[DISABLE] = Annotation(list[str], SomeOf(terms))
    return found


def _annotation(hint: Any) -> Annotation:
    """Of `Annotated[type, what it may be]`, or of anything else."""
    allowed = next(iter(getattr(hint, "__metadata__", ())), None)
    says = callable(getattr(allowed, "check", None)) and hasattr(allowed, "text")
    return Annotation(getattr(hint, "__origin__", hint) if allowed else hint, allowed if says else None)


def _check_ascending(scheme: Scheme, settings: dict[str, Any]) -> None:
    """Such as the levels of MAC-PO's approximation, which must keep their order, or their names would lie."""
    levels = [settings[name] for name in scheme.ascending]
    if levels != sorted(levels):
        got = ", ".join(f"{name} = {level:g}" for name, level in zip(scheme.ascending, levels, strict=True))
        raise SettingError(
            f"weighting_config: {got} is not allowed; it must be {' ≤ '.join(scheme.ascending)}."
        )
