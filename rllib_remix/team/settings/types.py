"""What kind of value each of RLlib's settings takes, as RLlib's own signatures and defaults say it."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Collection, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Union, get_args, get_origin

from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.utils.from_config import NotProvided

from rllib_remix.errors import SettingError, shown
from rllib_remix.settings import check_count

# Kinds of values, by what messages call them.
INTEGER, NUMBER, FLAG, TEXT = "an integer", "a number", "true or false", "text"
MAPPING, LIST, CODE, OBJECT = "a mapping", "a list", "a class or its path", "a Python object"

_TYPES = {
    INTEGER: Integral,
    NUMBER: Real,
    TEXT: str,
    MAPPING: Mapping,
    LIST: (list, tuple, set, frozenset),
}

# What RLlib's annotations leave out although RLlib takes it.
_ALSO = {"entropy_coeff": LIST, "input_": LIST}  # a schedule, several files
# Amounts of a resource may be shares, whatever their annotations say.
_SHARES = ("num_cpus_", "num_gpus_")
# Names that users give, where the attribute has another.
_NAMES = {
    "callbacks": "callbacks_class",
    "lambda": "lambda_",
    "_model_config": "model_config",
    "_train_batch_size_per_learner": "train_batch_size_per_learner",
}
_NEVER_NONE = ("env_config", "policies")
# Counts of processes and copies, which are made one by one: more of them are a slip.
LIMITS = {
    "num_env_runners": 10_000,
    "evaluation_num_env_runners": 10_000,
    "num_offline_eval_runners": 10_000,
    "num_learners": 1_000,
    "num_aggregator_actors_per_learner": 1_000,
    "num_envs_per_env_runner": 100_000,
}


def check_setting_types(owner: str, defaults: AlgorithmConfig, settings: Mapping[str, Any]) -> None:
    """Checks that settings of an algorithm have a kind of value that they can have; unknown ones pass.

    Args:
        owner: what to put before a setting's name in messages, such as "config: ".
        defaults: a config of the algorithm, as it is without these settings.
        settings: values by name, without samplers and grids. None passes: RLlib mostly takes it for "not set".

    Raises:
        SettingError: for the first that has not, or a count that cannot be meant.
    """
    annotated = {**_annotated_kinds(type(defaults)), "multiagent": frozenset({MAPPING})}
    for name, value in settings.items():
        name_there = _NAMES.get(name, name)
        allowed = annotated.get(name_there)
        if not allowed or (value is None and name not in _NEVER_NONE):
            continue
        if not any(_is_of(kind, value) for kind in allowed):
            by_default = _kinds_of_value(vars(defaults).get(name_there))
            if not any(_is_of(kind, value) for kind in by_default):
                raise _error(f"{owner}{name}", value, allowed | by_default)
        if name in LIMITS:
            check_count(f"{owner}{name}", value, low=0, high=LIMITS[name])
    inner = settings.get("evaluation_config")
    if not isinstance(inner, (Mapping, AlgorithmConfig, type(None))):
        raise SettingError(f"{owner}evaluation_config: {shown(inner)} is not allowed; it must be a mapping.")
    if isinstance(inner, Mapping):
        for name in inner:
            if not isinstance(name, str):
                raise SettingError(
                    f"{owner}evaluation_config: key {shown(name)} is not the name of a setting."
                )
        check_setting_types(f"{owner}evaluation_config: ", defaults, inner)


def _error(name: str, value: Any, allowed: Collection[str]) -> SettingError:
    wanted = sorted(kind for kind in allowed if kind != INTEGER or NUMBER not in allowed)
    if wanted == [INTEGER] and not isinstance(value, float):
        return SettingError(f"{name}: {shown(value)} is of type {type(value).__name__}; allowed: an integer.")
    return SettingError(f"{name}: {shown(value)} is not allowed; it must be {' or '.join(wanted)}.")


@functools.cache
def _annotated_kinds(config_class: type[AlgorithmConfig]) -> dict[str, frozenset[str]]:
    """The kinds of values that RLlib's methods take for their arguments, by the arguments' names."""
    kinds: dict[str, set[str]] = {}
    for parent in config_class.__mro__:
        for method in vars(parent).values():
            if parent.__module__.startswith("ray.") and inspect.isfunction(method):
                _add(kinds, method)
    return {name: frozenset(found) for name, found in kinds.items()}


def _add(kinds: dict[str, set[str]], method: Any) -> None:
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.default is not NotProvided or parameter.annotation is parameter.empty:
            continue
        found = _kinds_of_annotation(parameter.annotation)
        if name.startswith(_SHARES) and INTEGER in found:
            found.add(NUMBER)
        if name in _ALSO:
            found.add(_ALSO[name])
        kinds.setdefault(name, set()).update(found)


def _kinds_of_annotation(annotation: Any) -> set[str]:
    origin = get_origin(annotation) or annotation
    if origin in (Union, types.UnionType):
        return set().union(*map(_kinds_of_annotation, get_args(annotation)))
    if annotation is type(None):
        return set()
    if not isinstance(origin, type) or origin is object:
        return {OBJECT, CODE} if isinstance(origin, str) else {OBJECT}
    for base, kind in ((bool, FLAG), (Integral, INTEGER), (Real, NUMBER), (str, TEXT), (Mapping, MAPPING)):
        if issubclass(origin, base):
            return {kind}
    if origin is type or "Callable" in str(origin):
        return {CODE}
    return {LIST} if "collections.abc" in str(origin) or issubclass(origin, Sequence) else {OBJECT}


def _kinds_of_value(value: Any) -> set[str]:
    if value is None:
        return set()
    for kind in (FLAG, INTEGER, NUMBER, TEXT, MAPPING, LIST):
        if _is_of(kind, value):
            return {kind}
    return {CODE} if callable(value) else {OBJECT}


def _is_of(kind: str, value: Any) -> bool:
    if kind == FLAG or isinstance(value, bool):
        return kind == FLAG and isinstance(value, bool)
    if kind == CODE:
        return callable(value) or isinstance(value, str)
    if kind == OBJECT:
        return not isinstance(value, (Real, str, Mapping, list, tuple))
    return isinstance(value, _TYPES[kind])
