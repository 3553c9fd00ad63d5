"""The settings that a trial began with, for one that goes on with a later version, whose defaults may be others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config
from rllib_remix.checkpoints.portable import find_portable, read_settings
from rllib_remix.checkpoints.reading import CheckpointError

_UNKNOWN = object()


def keep_first_settings(
    algorithm: str, config: dict[str, Any], checkpoint: Path, say: Callable[[str], object]
) -> None:
    """Adds to a trial's config what its defaults were when its checkpoint was written, where they are others now.

    Args:
        algorithm: its name; of others than ours nothing is known.
        config: what the trial was given; written in place.
        checkpoint: its newest.
        say: told what was added.
    """
    if algorithm not in ALGORITHMS:
        return
    try:
        saved = read_settings(find_portable(checkpoint)).get("config")
    except (CheckpointError, OSError):
        return  # Who restores it says what is wrong.
    if not isinstance(saved, dict):
        return
    defaults = get_algorithm_config(algorithm)
    saved = defaults.completed(saved)
    names = [entry.name for entry in defaults.own_settings()]
    # With a preset and what else was given, as they are now.
    defaults.update_from_dict({name: config[name] for name in names if name in config})
    kept = {}
    for name in names:
        then = saved.get(name, _UNKNOWN)
        if name not in config and then is not _UNKNOWN and not _are_equal(then, getattr(defaults, name)):
            kept[name] = then
    config.update(kept)
    if kept:
        listed = ", ".join(f"{name} {value!r}" for name, value in kept.items())
        say(f"{checkpoint.parent.name} goes on with the settings that it began with: {listed}.")


def _are_equal(then: Any, now: Any) -> bool:
    """Whether a value out of JSON is the one of now; JSON has no tuples."""
    return then == (list(now) if isinstance(now, tuple) else now)
