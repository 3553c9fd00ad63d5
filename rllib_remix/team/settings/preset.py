"""The setting `preset`, which gives several others their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.settings import OneOf
from rllib_remix.team.settings.groups import setting


def preset_setting(presets: Mapping[str, Mapping[str, Any]], **told: str) -> Any:
    """The field of a group that is the setting `preset`.

    Args:
        presets: name → settings and their values.
        told: name → how that is, for readers.
    """
    each = [
        f"{name}: {told[name]}: {', '.join(f'{key} {value!r}' for key, value in values.items())}."
        for name, values in presets.items()
    ]
    return setting(
        None,
        OneOf(presets),
        f"values of several settings at once; what is set beside it counts. {' '.join(each)} None: defaults that are safe "
        "for games that nobody tuned.",
    )
