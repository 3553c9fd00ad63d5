"""The time that checkpoints are given: UTC, and later than that of all checkpoints that are there already."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from rllib_remix.checkpoints.manifest import METADATA

SAVED_AT = "saved_at"  # of a checkpoint's metadata: seconds since 1970 in UTC
ITERATION = "training_iteration"
_LARGEST_METADATA = 2**22  # bytes
_FAR_AWAY = 2.0**33  # seconds; in the year 2242
_TICK_S = 0.001  # by how much a clock that was set back is moved on


class RecordClock:
    """Seconds since 1970 in UTC that only grow, also where the computer's clock was set back.

    Args:
        experiment: the folder of the trials whose checkpoints are all to be older; None if there is none.
    """

    def __init__(self, experiment: Path | None) -> None:
        self._last = 0.0 if experiment is None else _latest(experiment)

    def now(self) -> float:
        """The time, later than any that was given before."""
        self._last = max(time.time(), self._last + _TICK_S)
        return self._last


def number_of(name: str) -> int | None:
    """The number in the name that Tune gives a checkpoint, such as checkpoint_000003; None for other names."""
    found = re.fullmatch(r"checkpoint_(\d{1,18})", name)
    return int(found.group(1)) if found else None


def metadata_of(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint says of itself, whoever made it, and unchecked; nothing if that cannot be read."""
    file = checkpoint / METADATA
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_METADATA:
            return {}
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _latest(experiment: Path) -> float:
    """What the newest checkpoint of each trial says, at most; what cannot be read says nothing."""
    latest = 0.0
    for trial in experiment.glob("*/"):
        newest = max(trial.glob("checkpoint_*/"), key=lambda path: number_of(path.name) or -1, default=None)
        if newest is None:
            continue
        said = metadata_of(newest).get(SAVED_AT)
        if isinstance(said, float) and said < _FAR_AWAY:  # false for NaN
            latest = max(latest, said)
    return latest
