"""Result keys of RLlib's old API stack in the names of now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.experiments.result_keys import RENAMED_RESULT_KEYS


def translate_result_key(key: str) -> str:
    """The name that a result key of the old API stack has now; others stay as they are."""
    *parents, last = [
        part for part in key.split("/") if part not in ("sampler_results", "hist_stats", "info")
    ]
    renamed = RENAMED_RESULT_KEYS.get(last)
    if renamed is None or (parents and "reward" not in last and "timesteps" not in last and len(parents) > 1):
        return key
    if "/" not in renamed:  # a counter of the whole run
        return renamed if not parents or parents == ["env_runners"] else key
    if parents in ([], ["env_runners"]):
        return renamed
    return f"evaluation/{renamed}" if parents in (["evaluation"], ["evaluation", "env_runners"]) else key


def translate_stop(owner: str, stop: Any) -> tuple[Any, list[str]]:
    """Stop criteria with the result keys of now, and a note for each that was translated."""
    if not isinstance(stop, Mapping):
        return stop, []
    new = {translate_result_key(str(key)): value for key, value in stop.items()}
    renamed = [(key, translate_result_key(str(key))) for key in stop if translate_result_key(str(key)) != key]
    return new, [f"{owner}: stop at {old} is read as {now}." for old, now in renamed]
