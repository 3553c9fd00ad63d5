"""The keys of results that RLlib, Tune and this package report, and what the old API stack called them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rllib_remix.errors import UserError, nearest, shown

ENV_STEPS = "num_env_steps_sampled_lifetime"
TRAINING_RETURN = "env_runners/episode_return_mean"
GREEDY_RETURN = "evaluation/env_runners/episode_return_mean"
COUNTERS = (
    "training_iteration",
    "time_total_s",
    "time_this_iter_s",
    "time_since_restore",
    "iterations_since_restore",
    ENV_STEPS,
    "num_training_step_calls_per_iteration",
)
# Of groups: their name, and an example of what lies in them.
GROUPS = {
    "env_runners": "env_runners/episode_return_mean",
    "evaluation": "evaluation/env_runners/episode_return_mean",
    "learners": "learners/default_policy/total_loss",
    "replay_buffer": "replay_buffer/num_episodes",
    "timers": "timers/training_step",
    "perf": "perf/cpu_util_percent",
}
RESULT_KEYS = (*COUNTERS, *GROUPS)
# What keys of the old API stack are called now, by the last part of the key.
RENAMED_RESULT_KEYS = {
    "timesteps_total": "num_env_steps_sampled_lifetime",
    "num_env_steps_sampled": "num_env_steps_sampled_lifetime",
    "num_env_steps_trained": "num_env_steps_sampled_lifetime",
    "agent_timesteps_total": "num_env_steps_sampled_lifetime",
    "episode_reward_mean": "env_runners/episode_return_mean",
    "episode_return_mean": "env_runners/episode_return_mean",
    "episode_reward_max": "env_runners/episode_return_max",
    "episode_reward_min": "env_runners/episode_return_min",
}


def check_result_key(owner: str, key: str) -> None:
    """Raises UserError for a key that no result of RLlib has, with the nearest that one has."""
    *parents, last = key.split("/")
    renamed = RENAMED_RESULT_KEYS.get(last)
    if renamed and (not parents or "reward" in last):
        better = "/".join([*parents, renamed.split("/")[-1]]) if parents else renamed
        raise UserError(f"{owner}: unknown result key {shown(key)}; did you mean {better!r}?")
    first, *rest = key.split("/")
    if first not in RESULT_KEYS:
        # A key that no result has would never stop a trial.
        near = nearest(first, RESULT_KEYS)
        hint = f"; did you mean {shown('/'.join([near, *rest]))}?" if near else "."
        allowed = (
            f"{', '.join(RESULT_KEYS)}, and what lies below them, such as env_runners/episode_return_mean"
        )
        raise UserError(f"{owner}: unknown result key {shown(key)}{hint} Allowed: {allowed}.")
    if rest and first in COUNTERS:
        raise UserError(
            f"{owner}: unknown result key {shown(key)}; did you mean {first!r}? It is one number."
        )
    if first in GROUPS and not all(rest or [""]):
        raise UserError(
            f"{owner}: {shown(key)} is a group of results; name one of them, such as {GROUPS[first]}."
        )


def flattened(nested: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested results as one mapping, whose keys are the paths: `env_runners/episode_return_mean`."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}/")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def number_at(result: Mapping[str, Any], path: str) -> float | None:
    """The finite number at a slash-separated path of nested results, or None."""
    value: Any = result
    for key in path.split("/"):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
