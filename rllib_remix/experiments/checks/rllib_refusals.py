"""What RLlib raises about settings, said about the setting and its value."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rllib_remix.errors import shown

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

_LONGEST = 300  # characters of RLlib's own words
_MOST_SETTINGS = 3  # that are named


def explain(default: AlgorithmConfig, settings: Mapping[str, Any], error: Exception) -> str:
    """The message about settings that RLlib does not take.

    Args:
        default: the algorithm's config before the settings.
        settings: by name; RLlib raised when it took them, or when it checked them.
        error: what it raised. Its words are used if RLlib wrote them, and not if they are Python's.
    """
    words = _own_words(error)
    guilty = _guilty(default, settings) or [name for name in settings if _mentions(words, name)]
    if not guilty:
        return f"config: {words or 'RLlib does not take these settings together: ' + ', '.join(settings)}"
    named = ", ".join(f"{name}: {shown(settings[name])}" for name in guilty[:_MOST_SETTINGS])
    reason = words or " and ".join(_expected(default, name, settings[name]) for name in guilty[:1])
    return f"config: {named} is not allowed: {reason}"


def _own_words(error: Exception) -> str:
    """What RLlib says in a sentence of its own; empty for what Python says of its code."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or "ray" not in frames[-1].filename or not (frames[-1].line or "").startswith("raise"):
        return ""
    words = " ".join(str(error).partition("To suppress all validation errors")[0].split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _guilty(default: AlgorithmConfig, settings: Mapping[str, Any]) -> list[str]:
    """The settings without any one of which RLlib takes the others."""
    return [
        name
        for name in settings
        if name != "env"
        and _is_taken(default, {key: value for key, value in settings.items() if key != name})
    ]


def _is_taken(default: AlgorithmConfig, settings: Mapping[str, Any]) -> bool:
    config = default.copy(copy_frozen=False)
    try:
        config.update_from_dict(dict(settings))
        config.validate()
    except Exception:
        return False
    return True


def _mentions(words: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", words) is not None


def _expected(default: AlgorithmConfig, name: str, value: Any) -> str:
    usual = default.to_dict().get(name, getattr(default, name, None))
    return f"it is of type {type(value).__name__}; RLlib's default is {shown(usual)}."
