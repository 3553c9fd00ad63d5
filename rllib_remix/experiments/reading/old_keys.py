"""Keys of an experiment as files of RLlib's old API stack have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.errors import UserError
from rllib_remix.experiments.reading.criteria import parse_score_attribute

# What the keys are now.
OLD_FOLDERS = ("local_dir", "upload_dir")
OLD_CHECKPOINT_KEYS = {
    "checkpoint_freq": "checkpoint_frequency",
    "checkpoint_at_end": "checkpoint_at_end",
    "keep_checkpoints_num": "num_to_keep",
    "checkpoint_score_attr": "checkpoint_score_attribute",
}
IGNORED_KEYS = {
    "pass_criteria": "it was for RLlib's own tests",
    "frameworks": "PyTorch is what always runs",
    "sync_config": "Tune syncs to storage_path by itself",
}


def with_new_keys(owner: str, spec: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """An experiment with the keys of now, and a note for each that was translated or left out."""
    new: dict[str, Any] = {}
    given = spec.get("checkpoint_config") or {}
    checkpoints = dict(given) if isinstance(given, Mapping) else {}
    notes = []
    for key, value in spec.items():
        if key in IGNORED_KEYS:
            notes.append(f"{owner}: {key} is left out: {IGNORED_KEYS[key]}.")
        elif key in OLD_FOLDERS:
            if "storage_path" in spec or "storage_path" in new:
                raise UserError(
                    f"{owner}: {key} is the old name of storage_path, which is given too; give one."
                )
            new["storage_path"] = value
            notes.append(f"{owner}: {key} is read as storage_path.")
        elif key in OLD_CHECKPOINT_KEYS:
            _take_checkpoint_key(owner, key, value, checkpoints)
        elif key != "checkpoint_config":
            new[key] = value
    if checkpoints:
        new["checkpoint_config"] = checkpoints
    elif "checkpoint_config" in spec:
        new["checkpoint_config"] = spec["checkpoint_config"]
    return new, notes


def _take_checkpoint_key(owner: str, key: str, value: Any, checkpoints: dict[str, Any]) -> None:
    name = OLD_CHECKPOINT_KEYS[key]
    if name in checkpoints:
        raise UserError(f"{owner}: {key} is checkpoint_config: {name}, which is given too; give one.")
    if name == "checkpoint_score_attribute" and isinstance(value, str):
        value, checkpoints["checkpoint_score_order"] = parse_score_attribute(f"{owner}: {key}", value)
    checkpoints[name] = value
