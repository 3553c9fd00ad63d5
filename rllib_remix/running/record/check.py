"""Whether Tune's record of a run can be read, before Ray is started for it."""

from __future__ import annotations

import json
from pathlib import Path

from ray.tune.experiment import Trial

from rllib_remix.running.record.newest import find_record

_PARTS = {"trial_data": list, "runner_data": dict}
MAX_RECORD = 2**30  # bytes; a trial has some 10 kB


def check_record(storage_path: str, name: str) -> None:
    """Reads the newest record of an experiment as a resumed run will; unpickles what is in it.

    Args:
        storage_path, name: a local folder, and that of the experiment in it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    record = find_record(storage_path, name)
    if record is None:
        return
    file = Path(record)
    if not file.is_file() or file.stat().st_size > MAX_RECORD:
        raise ValueError(f"{file.name} is no file of at most {MAX_RECORD // 2**30} GiB")
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        for part, kind in _PARTS.items():
            if not isinstance(state, dict) or not isinstance(state.get(part), kind):
                raise ValueError(f"{file.name} has no {part}")
        for trial_state, metadata in state["trial_data"]:
            Trial.from_json_state(trial_state).restore_run_metadata(metadata)
    except OSError:
        raise
    except Exception as error:  # What is pickled in it raises many kinds.
        why = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        raise ValueError(f"{file.name}: {why}") from error
