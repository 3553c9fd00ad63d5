#!/usr/bin/env python
"""Writes docs/settings.md, the tables of all settings, from the groups of settings themselves.

Usage: .venv/bin/python scripts/settings_page.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config
from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.team.settings.groups import SettingList
from rllib_remix.value_based.described_weighting import described_weighting

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
_HEAD = """# Settings

Arguments of `training()` in Python, keys of `--config` on the command line and of `config:` in a file. \
`rllib algorithms NAME` shows them for one algorithm, with the defaults that it has. This page is written by \
`scripts/settings_page.py` from the settings themselves.
"""


def page() -> str:
    """The whole page."""
    qmix = get_algorithm_config("QMIX")
    parts = [_HEAD, *map(_table, qmix.described_settings())]
    parts += [
        "## Algorithms\n\nWhere an algorithm's defaults are not QMIX's, which are those above.\n",
        _presets(qmix),
    ]
    parts += [
        "## Settings of some algorithms\n\nWhat they have beside the settings above, or instead.\n",
        *_other_groups(qmix),
    ]
    parts += ["## Weightings\n\nWhat `weighting_config` can hold with each `weighting`.\n"]
    parts += [_table(group, "###") for group in map(_of_weighting, SCHEMES) if group.settings]
    return "\n".join(parts)


def _other_groups(qmix: Any) -> list[str]:
    """Tables of the groups that QMIX has not, each with the algorithms that have it and without what it inherits."""
    configs = {name: get_algorithm_config(name) for name in ALGORITHMS}
    groups = list(dict.fromkeys(group for config in configs.values() for group in config.groups))
    tables, known = [], {entry.name: entry[1:] for entry in qmix.own_settings()}
    for group in groups:
        new = [entry for entry in group.settings() if known.get(entry.name) != entry[1:]]
        if group in qmix.groups or not new:
            continue
        of = ", ".join(name for name, config in configs.items() if group in config.groups)
        tables.append(_table(SettingList(f"{group.title} of {of}", group.about(), new), "###"))
    return tables


def _of_weighting(name: str) -> SettingList:
    return described_weighting(name, {})._replace(title=f"`{name}`")


def _table(group: SettingList, level: str = "##") -> str:
    lines = [f"{level} {group.title}", "", group.text, ""]
    lines += ["| setting | type | allowed | default | meaning |", "|---|---|---|---|---|"]
    for entry in group.settings:
        cells = (f"`{entry.name}`", f"`{entry.type}`", entry.range, f"`{entry.default!r}`", entry.text)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])


def _presets(qmix: Any) -> str:
    lines = ["| algorithm | its own defaults |", "|---|---|"]
    for name in ALGORITHMS:
        config = get_algorithm_config(name)
        own = [
            f"`{entry.name}={getattr(config, entry.name)!r}`"
            for entry in config.own_settings()
            if hasattr(qmix, entry.name) and getattr(config, entry.name) != getattr(qmix, entry.name)
        ]
        lines.append(f"| `{name}` | {', '.join(own) or '–'} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
