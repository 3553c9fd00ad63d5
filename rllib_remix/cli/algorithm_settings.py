"""`rllib algorithms NAME`: the settings of one algorithm, in groups."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from rllib_remix.team.settings.groups import Setting, SettingList

_WIDTH = 80


def groups_as_json(groups: list[SettingList]) -> list[dict[str, Any]]:
    """The groups as JSON holds them."""
    return [
        {
            "title": group.title,
            "text": group.text,
            "settings": [
                {
                    "name": entry.name,
                    "type": entry.type,
                    "range": entry.range,
                    "default": entry.default,
                    "text": entry.text,
                }
                for entry in group.settings
            ],
        }
        for group in groups
    ]


def groups_as_text(groups: list[SettingList]) -> str:
    """The groups for a terminal of 80 columns; defaults as --config takes them."""
    return "\n\n".join(
        "\n".join([_wrapped(f"{group.title}: {group.text}"), *map(_entry, group.settings)])
        for group in groups
    )


def _entry(entry: Setting) -> str:
    head = f"{entry.name} = {json.dumps(entry.default)}  ({entry.kind})"
    return f"{_wrapped(head, 2)}\n{_wrapped(entry.text, 6)}" if entry.text else _wrapped(head, 2)


def _wrapped(text: str, indent: int = 0) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (6 if indent else 0),
        break_long_words=False,
        break_on_hyphens=False,
    )
