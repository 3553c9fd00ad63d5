"""Settings of RLlib's algorithms of the wrong type, which RLlib takes, and which fail only once a trial runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from rllib_remix.errors import SettingError, UserError, shown
from rllib_remix.settings import check_schedule

# Settings that are never negative, by how their names begin.
COUNT_PREFIXES = (
    "num_",
    "train_batch_size",
    "evaluation_num_",
    "evaluation_duration",
    "evaluation_interval",
    "lr",
    "gamma",
)
_AUTO = "auto"  # what many numbers may be
# Integers, and the least that they may be; with 0 RLlib's own checks of some never end.
_COUNTS = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 1,
    "num_learners": 0,
    "num_epochs": 1,
    "num_aggregator_actors_per_learner": 0,
    "evaluation_num_env_runners": 0,
}
_COUNTS_OR_NONE = {
    "evaluation_interval": 0,
    "minibatch_size": 1,
    "rollout_fragment_length": 1,
    "seed": 0,
    "train_batch_size": 1,
    "train_batch_size_per_learner": 1,
}
_NUMBERS_OR_NONE = ("grad_clip", "min_time_s_per_iteration")
_OF_SEVERAL_KINDS = ("share_parameters",)  # of ours; its own check says which
_SCHEDULES = ("entropy_coeff", "epsilon", "lr")  # and all that end in _lr
_NAMES = {
    "batch_mode": ("truncate_episodes", "complete_episodes"),
    "evaluation_duration_unit": ("episodes", "timesteps"),
    "grad_clip_by": ("value", "norm", "global_norm"),
    "log_level": ("DEBUG", "INFO", "WARN", "ERROR"),
}


def check_values(owner: str, defaults: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Checks settings against what they are by default, and those that RLlib has without a default by name.

    What is a number may be null, and "auto" where RLlib says so; a mapping or a list may be null.

    Args:
        owner: what the settings are of, for messages.
        defaults: the settings of the algorithm, or of its model, by name.
        settings: what was given.

    Raises:
        UserError: names the setting, its value and what is allowed.
    """
    for name, value in settings.items():
        if _is_default(defaults, name, value):
            continue  # RLlib has -1 for what it has no use for any more.
        allowed = _allowed(str(name), defaults.get(name), value)
        if allowed:
            raise UserError(f"{owner}: {name}: {shown(value)} is not allowed; it must be {allowed}.")


def _is_default(defaults: Mapping[str, Any], name: str, value: Any) -> bool:
    """Whether a number or a text is what RLlib has by default; with 0 for a count its own checks may never end."""
    usual = defaults.get(name)
    return type(value) is type(usual) and isinstance(value, int | float | str) and value == usual


def _allowed(name: str, usual: Any, value: Any) -> str | None:
    """What the value must be, if it is not; None if it may be as it is."""
    if name in _COUNTS:
        return _count(value, _COUNTS[name])
    if value is None or name in _OF_SEVERAL_KINDS or (value == _AUTO and name == "rollout_fragment_length"):
        return None
    if name in _COUNTS_OR_NONE:
        return _count(value, _COUNTS_OR_NONE[name])
    if name in _SCHEDULES or name.endswith("_lr"):
        return _schedule(value)
    if name in _NAMES:
        return None if value in _NAMES[name] else f"one of {', '.join(_NAMES[name])}"
    if isinstance(usual, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(usual, int | float) or name in _NUMBERS_OR_NONE:
        return _number(name, value)
    if isinstance(usual, dict):
        return None if isinstance(value, Mapping) or not _is_plain(value) else "a mapping of names to values"
    if isinstance(usual, str) and isinstance(value, Mapping):
        return f"a name or a number, such as {usual}"
    if isinstance(usual, list):
        return None if isinstance(value, list | tuple) or not _is_plain(value) else "a list"
    return None


def _count(value: Any, low: int) -> str | None:
    is_count = isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= low
    return None if is_count else f"an integer, at least {low}"


def _schedule(value: Any) -> str | None:
    try:
        check_schedule("", value, low=0)
    except SettingError:
        return "a number, at least 0, or a schedule [[0, start], [env steps, end], …], forwards from 0"
    return None


def _number(name: str, value: Any) -> str | None:
    if isinstance(value, bool | Mapping | list) or (isinstance(value, str) and value != _AUTO):
        return "a number"
    if isinstance(value, float) and math.isnan(value):
        return "a number that is not NaN"
    return "at least 0" if isinstance(value, Real) and value < 0 and name.startswith(COUNT_PREFIXES) else None


def _is_plain(value: Any) -> bool:
    """Whether it is what a file or JSON can hold; objects are a Python module's affair."""
    return isinstance(value, bool | int | float | str | list | tuple)
