"""Search spaces as data: `lr: {loguniform: [1e-5, 1e-2]}` anywhere in an experiment's settings."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any

from rllib_remix.errors import UserError, shown

GRID = "grid_search"
# Name of a sampler → the numbers that it takes after the low and the high end.
RANGES = {
    "uniform": (),
    "quniform": ("step",),
    "loguniform": (),
    "qloguniform": ("step",),
    "randint": (),
    "qrandint": ("step",),
    "lograndint": (),
}
SAMPLERS = ("choice", *RANGES)
_POSITIVE = ("loguniform", "qloguniform", "lograndint")
_INTEGER = ("randint", "qrandint", "lograndint")


def is_sampler(value: object) -> bool:
    """Whether `value` is {sampler: …}, such as {"uniform": [0, 1]}."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in SAMPLERS


def with_domains(owner: str, value: Any) -> Any:
    """A copy of nested settings with Tune's search domains in place of the samplers.

    Args:
        owner: what the settings are, for messages.
        value: settings; samplers may be at any depth, also within lists. grid_search stays as it is.

    Raises:
        UserError: for a sampler that cannot be, naming its setting.
    """
    if type(value) is dict:
        if is_sampler(value):
            ((name, arguments),) = value.items()
            return _domain(owner, name, arguments)
        _check_near_miss(owner, value)
        return {key: with_domains(join_name(owner, key), part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(with_domains(owner, part) for part in value)
    return value


def search_domains(settings: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Tune's search domains in nested settings, by their path of keys and list indices; grids are left out."""
    from ray.tune.search.sample import Domain

    if isinstance(settings, Domain):
        return {path: settings}
    parts: list[tuple[Any, Any]] = []
    if isinstance(settings, dict):
        parts = [(key, part) for key, part in settings.items() if key != GRID]
    elif type(settings) in (list, tuple):
        parts = list(enumerate(settings))
    return {
        key: domain for name, part in parts for key, domain in search_domains(part, (*path, name)).items()
    }


def placed(settings: Mapping[str, Any], values: Mapping[tuple[Any, ...], Any]) -> dict[str, Any]:
    """A copy of nested settings with these values at these paths."""
    if not values:
        return dict(settings)
    return _placed(settings, values, ())


def _placed(value: Any, values: Mapping[tuple[Any, ...], Any], path: tuple[Any, ...]) -> Any:
    if path in values:
        return copy.deepcopy(values[path])
    if type(value) is dict:
        return {key: _placed(part, values, (*path, key)) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_placed(part, values, (*path, index)) for index, part in enumerate(value))
    return value


def clip_to_ranges(mutations: Mapping[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function that moves settings back into the ranges of these search domains; population-based training
    multiplies numbers, which can lead out of their ranges."""
    limits = {
        path: domain_ends(domain) for path, domain in search_domains(mutations).items() if _is_range(domain)
    }

    def clip(settings: dict[str, Any]) -> dict[str, Any]:
        for (*parents, name), (low, high) in limits.items():
            owner = settings
            for parent in parents:
                owner = owner[parent]
            owner[name] = min(max(owner[name], low), high)
        return settings

    return clip


def domain_ends(domain: Any) -> list[Any]:
    """The values at which a search domain shows whether all of its samples will be allowed, the low end first."""
    from ray.tune.search.sample import Categorical, Float, Integer

    if isinstance(domain, Categorical):
        return list(domain.categories)
    if isinstance(domain, Integer):
        inclusive = hasattr(domain.get_sampler(), "q")  # Tune's quantised integers reach their upper end
        return [domain.lower, domain.upper if inclusive else domain.upper - 1]
    if isinstance(domain, Float) and math.isfinite(domain.lower) and math.isfinite(domain.upper):
        return [domain.lower, domain.upper]
    return [domain.sample()]


def _is_range(domain: Any) -> bool:
    from ray.tune.search.sample import Categorical

    return not isinstance(domain, Categorical) and len(domain_ends(domain)) == 2


def _domain(owner: str, name: str, arguments: Any) -> Any:
    from ray import tune

    if name == "choice":
        if not isinstance(arguments, (list, tuple)) or not arguments:
            raise UserError(f"{owner}: choice must be a list of values, got {shown(arguments)}.")
        return tune.choice(list(arguments))
    _check_range(owner, name, arguments)
    return getattr(tune, name)(*arguments)


def _check_range(owner: str, name: str, arguments: Any) -> None:
    form = f"[{', '.join(('low', 'high', *RANGES[name]))}]"
    kind = int if name in _INTEGER else (int, float)
    if not (
        isinstance(arguments, (list, tuple))
        and len(arguments) == 2 + len(RANGES[name])
        and all(isinstance(number, kind) and not isinstance(number, bool) for number in arguments)
        and all(map(math.isfinite, arguments))
    ):
        numbers = "integers" if kind is int else "numbers"
        raise UserError(f"{owner}: {name} must be {form}, finite {numbers}; got {shown(arguments)}.")
    low, high, *step = arguments
    if not low < high:
        raise UserError(f"{owner}: {name} {shown(arguments)} is not allowed; low must be below high.")
    if name in _POSITIVE and low <= 0:
        raise UserError(f"{owner}: {name} {shown(arguments)} is not allowed; low must be above 0.")
    if step and not 0 < step[0] <= high - low:
        raise UserError(
            f"{owner}: {name} {shown(arguments)} is not allowed; it must be 0 < step ≤ high − low."
        )
    if step and any(abs(end / step[0] - round(end / step[0])) > 1e-9 for end in (low, high)):
        raise UserError(
            f"{owner}: {name} {shown(arguments)} is not allowed; both ends must be multiples of the step."
        )


def _check_near_miss(owner: str, value: Mapping[str, Any]) -> None:
    """A misspelt sampler would otherwise be told as a wrong value of its setting."""
    if len(value) != 1:
        return
    ((name, arguments),) = value.items()
    if name == "sample_from":
        raise UserError(
            f"{owner}: sample_from runs code, which files cannot; allowed: {', '.join([*SAMPLERS, GRID])}."
        )
    near = difflib.get_close_matches(str(name), [*SAMPLERS, GRID], n=1, cutoff=0.75)
    if isinstance(arguments, list) and near and name != near[0]:
        raise UserError(
            f"{owner}: unknown sampler {shown(name)}; did you mean {near[0]!r}? Allowed: {', '.join([*SAMPLERS, GRID])}."
        )


def join_name(owner: str, key: Any) -> str:
    """How messages name a setting within nested ones."""
    return f"{owner}.{key}" if "." in owner or owner.endswith("config") else f"{owner}: {key}"
