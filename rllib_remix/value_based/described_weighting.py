"""A weighting's own settings for readers, from the signature and the docstring of its function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, get_type_hints

from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.learning.weighting_settings import allowed_values
from rllib_remix.team.settings.groups import Setting, SettingList
from rllib_remix.value_based.schemes import find_scheme

_ELSEWHERE = re.compile(r"as for `(\w+)`")  # where another weighting's docstring says it


def described_weighting(weighting: str, config: dict[str, Any]) -> SettingList:
    """The keys of `weighting_config`, with what they may be, what they are with this config, and what they mean."""
    scheme = find_scheme(weighting)
    allowed, hints = allowed_values(scheme), get_type_hints(scheme.function)
    entries = [
        Setting(
            name,
            "list[str]" if name == "disable" else hints[name].__name__,
            allowed[name],
            list(value) if name == "disable" else value,
            _text(scheme.function, name),
        )
        for name, value in (scheme.settings() | config).items()
    ]
    about = (inspect.getdoc(scheme.function) or "").split("\n")[0]
    return SettingList(f"weighting_config of {weighting}", about, entries)


def _text(function: Callable[..., Any], name: str) -> str:
    text = documented_arguments(function).get(name, "")
    elsewhere = _ELSEWHERE.match(text)
    functions = {scheme.function.__name__: scheme.function for scheme in SCHEMES.values()}
    if elsewhere and elsewhere[1] in functions:
        return _text(functions[elsewhere[1]], name)
    return text


def documented_arguments(function: Callable[..., Any]) -> dict[str, str]:
    """What a docstring's section "Args:" says of each argument, on one line."""
    _, _, section = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in section.splitlines():
        if not line.startswith("    "):
            break  # The next section.
        if not line.startswith("     "):
            names, _, line = line.partition(":")
            words = []
            found |= dict.fromkeys((name.strip() for name in names.split(",")), words)
        words += line.split()
    return {name: " ".join(said) for name, said in found.items()}
