"""`training()` as its readers see it: a signature and a docstring that are made from groups of settings."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from ray.rllib.utils.from_config import NotProvided

from rllib_remix.team.settings.groups import Setting, SettingGroup

NOT_GIVEN: Any = NotProvided  # RLlib's mark for an argument that was left out

_WIDTH = 110


def describe_training(
    training: Callable[..., Any], groups: Sequence[type[SettingGroup]], returns: str
) -> None:
    """Gives a method that takes all settings of `groups` as keywords their names, types, defaults and texts."""
    signature = inspect.Signature(
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(
                inspect.Parameter(
                    entry.name, inspect.Parameter.KEYWORD_ONLY, default=NOT_GIVEN, annotation=entry.type
                )
                for group in groups
                for entry in group.settings()
            ),
            inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD, annotation="Any"),
        ],
        return_annotation=returns,
    )
    training.__signature__ = signature  # type: ignore[attr-defined]
    training.__doc__ = _docstring(groups)


def _docstring(groups: Sequence[type[SettingGroup]]) -> str:
    lines = [
        "Sets how the team learns; further arguments are those of RLlib's `training()` (`lr`, `gamma`, …).",
        "",
        "Args:",
    ]
    for group in groups:
        lines += [f"    {group.title}: {group.about()}", *map(_documented, group.settings()), ""]
    return "\n".join(lines)


def _documented(entry: Setting) -> str:
    return textwrap.fill(
        f"{entry.name} ({entry.kind}; default {entry.default!r}): {entry.text}",
        _WIDTH,
        initial_indent=" " * 8,
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )
