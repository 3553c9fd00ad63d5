"""Which of several checkpoints is the newest: by what they and the results beside them say, not by local time."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rllib_remix.checkpoints.clock import ITERATION, SAVED_AT, metadata_of, number_of

RESULTS_FILE = "result.json"
LAST_ROWS = 2**20  # bytes at the end of a trial's results that are looked at
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$")  # how Tune ends a trial's name


def newest(checkpoints: Iterable[Path]) -> Path:
    """The newest of at least one checkpoint folder; damaged ones are told by what is left to tell them by.

    Within a trial the number counts, then the iteration. Of several trials it is the one that saved last: in UTC, as
    checkpoints of ours say (clocks that were set back are allowed for there), else as the trial's last result says.
    Only where nothing says anything, the local time in the trial's name counts, and last the time of change.
    """
    trials: dict[Path, list[Path]] = {}
    for checkpoint in checkpoints:
        trials.setdefault(checkpoint.parent, []).append(checkpoint)
    return max(map(_newest_of_trial, trials.values()), key=_age)


def _newest_of_trial(checkpoints: list[Path]) -> Path:
    numbers = {path: number_of(path.name) for path in checkpoints}
    if None in numbers.values():  # Not all are named by Tune.
        return max(checkpoints, key=lambda path: (_iteration(path), _age(path)))
    return max(checkpoints, key=lambda path: (numbers[path] or 0, _iteration(path), _age(path)))


def _age(checkpoint: Path) -> tuple[float, str, float, str]:
    """Greater for the newer one."""
    saved = _number(metadata_of(checkpoint).get(SAVED_AT), missing=0.0)
    began = _LOCAL_TIME.search(checkpoint.parent.name)
    return (
        saved or _last_result_at(checkpoint.parent / RESULTS_FILE),
        began.group() if began else "",
        checkpoint.stat().st_mtime,
        str(checkpoint),
    )


def _iteration(checkpoint: Path) -> float:
    return _number(metadata_of(checkpoint).get(ITERATION), missing=-1.0)


def _last_result_at(results: Path) -> float:
    """The time of a trial's last whole result; 0 if there is none."""
    if not results.is_file():
        return 0.0
    try:
        with open(results, "rb") as file:
            file.seek(max(0, results.stat().st_size - LAST_ROWS))
            rows = file.read(LAST_ROWS).splitlines()
    except OSError:
        return 0.0
    for row in reversed(rows):
        with contextlib.suppress(ValueError, RecursionError):  # the last may be cut off, and so may the first
            result = json.loads(row)
            if isinstance(result, dict):
                return _number(result.get("timestamp"), missing=0.0)
    return 0.0


def _number(value: Any, *, missing: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 2**63 else missing
