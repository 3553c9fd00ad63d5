"""A weighting's own settings for readers, from the signature and the docstring of its function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.learning.weighting_settings import DISABLE, annotations_of
from rllib_remix.team.settings.groups import Setting, SettingList
from rllib_remix.value_based.schemes import find_scheme

_ELSEWHERE = re.compile(r"as for `(\w+)`")  # where another weighting's docstring says it


def described_weighting(weighting: str, config: dict[str, Any]) -> SettingList:
    """The keys of `weighting_config`, with what they may be, what they are with this config, and what they mean."""
    scheme = find_scheme(weighting)
    said = annotations_of(scheme)
    entries = [
        Setting(
            name,
            said[name].type_name,
            said[name].allowed,
            list(value) if name == DISABLE else value,
            _text(scheme.function, name),
        )
        for name, value in (scheme.settings() | config).items()
    ]
    about = (inspect.getdoc(scheme.function) or "").split("\n")[0]
    return SettingList(f"weighting_config of {weighting}", about, entries)


def _text(function: Callable[..., Any], name: str) -> str:
    """What the docstring says of a setting, or the one that it names, if possible of the same module."""
    functions = [scheme.function for scheme in SCHEMES.values()]
    functions.sort(key=lambda each: each.__module__ == function.__module__)
    by_name = {each.__name__: each for each in functions}
    seen: list[Callable[..., Any]] = []
    while True:
        text = documented_arguments(function).get(name, "")
        seen.append(function)
        elsewhere = _ELSEWHERE.match(text)
        if not elsewhere or elsewhere[1] not in by_name or by_name[elsewhere[1]] in seen:
            return text
        function = by_name[elsewhere[1]]


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
