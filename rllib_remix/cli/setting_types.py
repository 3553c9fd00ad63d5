"""Settings of RLlib's algorithms of the wrong type, which RLlib takes, and which fail only once a trial runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rllib_remix.cli.errors import UserError
from rllib_remix.cli.old_translation import shown

# Settings that are never negative, by how their names begin.
COUNT_PREFIXES = (
    "num_",
    "train_batch_size",
    "evaluation_num_",
    "evaluation_duration",
    "evaluation_interval",
    "lr",
    "gamma",
)
_AUTO = "auto"  # what many numbers may be


def check_types(owner: str, defaults: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Checks settings against what they are by default.

    A flag must be true or false; what is a number may be a schedule, "auto" or null; what is a mapping may be null.

    Args:
        owner: what the settings are of, for messages.
        defaults: the algorithm's settings by name; what has no default is not checked.
        settings: what was given.

    Raises:
        UserError: names the setting, its value and what is allowed.
    """
    for name, value in settings.items():
        allowed = _allowed(str(name), defaults.get(name), value)
        if allowed:
            raise UserError(f"{owner}: {name}: {shown(value)} is not allowed; it must be {allowed}.")


def _allowed(name: str, usual: Any, value: Any) -> str | None:
    """What the value must be, if it is not; None if it may be as it is."""
    if value is None or (type(value) is type(usual) and not isinstance(value, float)):
        wrong = None
    elif isinstance(usual, bool):
        wrong = None if isinstance(value, bool) else "true or false"
    elif isinstance(usual, int | float):
        wrong = _number(value)
    elif isinstance(usual, dict):
        wrong = None if isinstance(value, Mapping) or not _is_plain(value) else "a mapping of names to values"
    else:
        wrong = None
    negative = isinstance(value, int | float) and not isinstance(value, bool) and value < 0
    if wrong is None and negative and name.startswith(COUNT_PREFIXES):
        return "at least 0"
    return wrong


def _number(value: Any) -> str | None:
    if isinstance(value, bool | Mapping) or (isinstance(value, str) and value != _AUTO):
        return "a number"
    return "a number that is not NaN" if isinstance(value, float) and math.isnan(value) else None


def _is_plain(value: Any) -> bool:
    """Whether it is what a file or JSON can hold; objects are a Python module's affair."""
    return isinstance(value, bool | int | float | str | list | tuple)
