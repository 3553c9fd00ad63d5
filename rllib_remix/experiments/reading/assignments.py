"""`--set config.lr=1e-3`: single values of experiments, by their dotted paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rllib_remix.errors import UserError, shown, unknown
from rllib_remix.experiments.reading.schema import EXPERIMENT
from rllib_remix.files.yaml_text import read_yaml_text

OPTION = "--set"


def with_assignments(spec: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """An experiment as a file has it, with some values set.

    Args:
        spec: run, env, stop, config, …; stays as it is.
        assignments: "config.lr=1e-3": the keys on the way, joined by dots, and the value as YAML. Mappings on the way are made if
            they are missing.

    Raises:
        UserError, SettingError: one that is no assignment, or whose path does not lead anywhere.
    """
    changed = dict(spec)
    for assignment in assignments:
        path, value = _read(assignment)
        _set(changed, path, value)
    return changed


def in_all(content: object, assignments: Sequence[str], only: str | None = None) -> object:
    """What a file of experiments holds, with values set in all of them, or in the one that is named alone."""
    if not assignments or not isinstance(content, Mapping):
        return content
    return {
        name: with_assignments(spec, assignments)
        if isinstance(spec, Mapping) and only in (None, name)
        else spec
        for name, spec in content.items()
    }


def _read(assignment: str) -> tuple[list[str], Any]:
    path, found, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not found or not all(key.strip() and key.isprintable() for key in keys):
        raise UserError(
            f"{OPTION}: {shown(assignment)} is no assignment; it must be such as config.lr=1e-3 or "
            "stop.training_iteration=10."
        )
    if keys[0] not in EXPERIMENT:
        raise unknown(OPTION, keys[0], EXPERIMENT)
    return keys, read_yaml_text(f"{OPTION} {path.strip()}", text)


def _set(spec: dict[str, Any], path: Sequence[str], value: Any) -> None:
    inner = spec
    for depth, key in enumerate(path[:-1], start=1):
        there = inner.get(key)
        if there is not None and not isinstance(there, Mapping):
            raise UserError(
                f"{OPTION}: {'.'.join(path)} leads nowhere: {'.'.join(path[:depth])} is {shown(there)}, which has no keys; set it "
                "as a whole."
            )
        # A copy, as aliases and the caller's mappings may stand behind it.
        inner[key] = dict(there or {})
        inner = inner[key]
    inner[path[-1]] = value
