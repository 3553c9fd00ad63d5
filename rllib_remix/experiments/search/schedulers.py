"""Tune's schedulers by name: which trials go on, which stop early, which copy a better one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.experiments.result_keys import ENV_STEPS, check_result_key
from rllib_remix.experiments.search.spaces import clip_to_ranges, search_domains, with_domains
from rllib_remix.files.text_files import local_path
from rllib_remix.settings import check_choice, check_flag, check_keys, check_number

ITERATIONS = "training_iteration"
REDUCTION = 3  # trials per trial that goes on, of ASHA and HyperBand
# What users may write → the name of ray.tune.schedulers.create_scheduler.
NAMES = {
    "fifo": "fifo",
    "asha": "async_hyperband",
    "async_hyperband": "async_hyperband",
    "asynchyperband": "async_hyperband",
    "hyperband": "hyperband",
    "median_stopping": "median_stopping_rule",
    "median_stopping_rule": "median_stopping_rule",
    "medianstopping": "median_stopping_rule",
    "pbt": "pbt",
    "pbt_replay": "pbt_replay",
    "pb2": "pb2",
}
_LISTED = ("FIFO", "ASHA", "async_hyperband", "hyperband", "median_stopping", "pbt", "pbt_replay", "pb2")
_ELSEWHERE = {
    "hb_bohb": "it needs the BOHB searcher; use ASHA with the search algorithm optuna",
    "resource_changing": "it needs Python objects; use it through ray.tune in a script of your own",
}
# Settings of Tune's classes that only code can give, or that we set.
_NOT_SETTINGS = {"self", "custom_explore_fn", "log_config", "require_attrs"}
_TIMED = ("async_hyperband", "median_stopping_rule", "pbt", "pb2")


@dataclass
class Scheduler:
    """A scheduler as the user asked for it."""

    type: str = "fifo"  # a value of NAMES
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_fifo(self) -> bool:
        """Whether every trial runs to its end."""
        return self.type == "fifo"


def parse_scheduler(owner: str, name: object, settings: Mapping[str, Any]) -> Scheduler:
    """The scheduler of this name, with settings that it knows.

    Args:
        owner: the option, or the place in the file.
        name: in any letter case.
        settings: arguments of Tune's class; what is not there gets a default when the experiment is known.

    Raises:
        UserError, SettingError: for an unknown name or key (with the nearest), and what is missing.
    """
    text = str(name).lower()
    if text in _ELSEWHERE:
        raise UserError(f"{owner}: {shown(name)} is not offered: {_ELSEWHERE[text]}.")
    if text not in NAMES:
        guess = nearest(text, NAMES)
        hint = f"; did you mean {guess!r}?" if guess else "."
        raise UserError(f"{owner}: unknown scheduler {shown(name)}{hint} Allowed: {', '.join(_LISTED)}.")
    kind = NAMES[text]
    check_keys(f"{owner} {name}", settings, _settings_of(kind))
    _check_numbers(f"{owner} {name}", kind, settings)
    _check_needs(f"{owner} {name}", kind, settings)
    if "mode" in settings:
        check_choice(f"{owner} {name}: mode", settings["mode"], ("max", "min"))
    for key in ("metric", "time_attr"):
        if key in settings:
            check_result_key(f"{owner} {name}: {key}", str(settings[key]))
    settings = dict(settings)
    if "policy_file" in settings:
        settings["policy_file"] = str(
            local_path(f"{owner} {name}: policy_file", settings["policy_file"]).absolute()
        )
    return Scheduler(kind, settings)


def read_scheduler(owner: str, spec: object) -> Scheduler:
    """The scheduler of an experiment in a file: its name, or {type: name, …settings}."""
    if isinstance(spec, str):
        return parse_scheduler(owner, spec, {})
    if not isinstance(spec, Mapping) or "type" not in spec:
        raise UserError(f"{owner}: must be a name or {{type: name, …settings}}, got {shown(spec)}.")
    return parse_scheduler(owner, spec["type"], {key: value for key, value in spec.items() if key != "type"})


def build_scheduler(
    owner: str, scheduler: Scheduler, stop: Mapping[str, float], metric: str, mode: str
) -> Any:
    """Tune's scheduler.

    Args:
        owner: for messages.
        scheduler: what was asked for.
        stop: the experiment's stop criteria, from which come the length of a trial and the time between decisions.
        metric: result key that is compared, and `mode` ("max" or "min"), where the user gave none.

    Raises:
        UserError: if Tune refuses the settings, or a trial's length is needed and not known.
    """
    from ray.tune.error import TuneError
    from ray.tune.schedulers import create_scheduler

    if scheduler.is_fifo:
        return None
    settings = dict(scheduler.settings)
    kind = scheduler.type
    if kind != "pbt_replay":
        settings = {"metric": metric, "mode": mode, **settings}
        settings = {**_timing(owner, kind, stop, settings), **settings}
    if kind == "pbt":
        mutations = mutation_domains(owner, settings["hyperparam_mutations"])
        settings |= {
            "hyperparam_mutations": mutations,
            "custom_explore_fn": clip_to_ranges(mutations),
            "require_attrs": False,  # a result before the first finished episode has no return
        }
    try:
        return create_scheduler(kind, **settings)
    except (AssertionError, ImportError, RuntimeError, TuneError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{owner} {kind}: {error or type(error).__name__}") from error


def mutation_domains(owner: str, mutations: Mapping[str, Any]) -> dict[str, Any]:
    """PBT's hyperparam_mutations with Tune's domains; a list, or {choice: […]}, is a list of choices."""
    from ray.tune.search.sample import Categorical

    def as_choices(value: Any) -> Any:
        if isinstance(value, Categorical):
            return list(value.categories)
        return {key: as_choices(part) for key, part in value.items()} if isinstance(value, Mapping) else value

    return {
        key: as_choices(value if isinstance(value, list) else with_domains(f"{owner}: {key}", value))
        for key, value in mutations.items()
    }


def starting_points(scheduler: Scheduler, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with a search domain for each setting that PBT changes and that they do not give."""
    if scheduler.type != "pbt":
        return dict(config)
    mutations = mutation_domains("hyperparam_mutations", scheduler.settings["hyperparam_mutations"])
    return _filled(config, mutations)


def _filled(config: Mapping[str, Any], mutations: Mapping[str, Any]) -> dict[str, Any]:
    from ray import tune

    filled = dict(config)
    for key, domain in mutations.items():
        if isinstance(domain, Mapping):
            filled[key] = _filled(filled.get(key) or {}, domain)
        elif key not in filled:
            filled[key] = tune.choice(domain) if isinstance(domain, list) else domain
    return filled


def _timing(owner: str, kind: str, stop: Mapping[str, float], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of what depends on how long a trial is."""
    if kind == "hyperband":  # Its brackets are made for tens of time units, not for 100,000s of env steps.
        return {"time_attr": ITERATIONS, "reduction_factor": REDUCTION} | (
            {"max_t": int(stop[ITERATIONS])} if ITERATIONS in stop else {}
        )
    attribute = settings.get("time_attr") or (
        ITERATIONS if ITERATIONS in stop and ENV_STEPS not in stop else ENV_STEPS
    )
    length = settings.get("max_t") or stop.get(attribute)
    key = {"async_hyperband": "max_t", "median_stopping_rule": "grace_period"}.get(
        kind, "perturbation_interval"
    )
    if length is None:
        if key in settings:
            return {"time_attr": attribute}
        raise UserError(
            f"{owner} {kind}: how long a trial may be is not known; stop it at {attribute}, or give {key}."
        )
    tenth = max(1, int(length) // 10)
    if kind == "async_hyperband":
        return {
            "time_attr": attribute,
            "max_t": int(length),
            "grace_period": tenth,
            "reduction_factor": REDUCTION,
        }
    return {"time_attr": attribute, key: tenth}


def _class_of(kind: str) -> Any:
    from ray.tune.schedulers import SCHEDULER_IMPORT

    found = SCHEDULER_IMPORT[kind]
    return found() if inspect.isfunction(found) else found


def _settings_of(kind: str) -> dict[str, inspect.Parameter]:
    if kind == "fifo":  # its __init__ is that of object
        return {}
    parameters = inspect.signature(_class_of(kind).__init__).parameters
    return {name: parameter for name, parameter in parameters.items() if name not in _NOT_SETTINGS}


def _check_numbers(owner: str, kind: str, settings: Mapping[str, Any]) -> None:
    """Every number of these classes is a time, a count, a share or a factor: none is negative."""
    known = _settings_of(kind)
    for key, value in settings.items():
        default = known[key].default
        if isinstance(default, bool):
            check_flag(f"{owner}: {key}", value)
        elif isinstance(default, (int, float)):
            # What may be 0 by default, or is a share, may be 0.
            may_be_zero = default < 1
            check_number(f"{owner}: {key}", value, low=0, low_open=not may_be_zero)


def _check_needs(owner: str, kind: str, settings: Mapping[str, Any]) -> None:
    if kind == "pb2" and find_spec("sklearn") is None:
        raise UserError(f"{owner}: needs scikit-learn, which is not installed; pip install scikit-learn.")
    key = {"pbt": "hyperparam_mutations", "pb2": "hyperparam_bounds", "pbt_replay": "policy_file"}.get(kind)
    if key is None:
        return
    if not settings.get(key):
        raise UserError(f"{owner}: needs {key}, {_FORMS[key]}.")
    if key == "policy_file":
        if not local_path(f"{owner}: policy_file", settings[key]).is_file():
            raise UserError(f"{owner}: policy_file {shown(settings[key])} does not exist.")
        return
    if not isinstance(settings[key], Mapping):
        raise UserError(f"{owner}: {key} must map settings to {_FORMS[key]}, got {shown(settings[key])}.")
    if key == "hyperparam_mutations":
        _check_mutations(owner, mutation_domains(owner, settings[key]))


_FORMS = {
    "hyperparam_mutations": 'such as {"lr": {"loguniform": [1e-5, 1e-2]}, "gamma": [0.9, 0.99]}',
    "hyperparam_bounds": 'such as {"lr": [1e-5, 1e-2]}',
    "policy_file": "the pbt_policy_….txt of a finished PBT run",
}


def _check_mutations(owner: str, mutations: Mapping[str, Any]) -> None:
    for key, value in mutations.items():
        if isinstance(value, Mapping):
            _check_mutations(f"{owner}: {key}", value)
        elif not (isinstance(value, list) and value) and not search_domains(value):
            raise UserError(
                f"{owner}: {key}: must be a list of values or a range such as {{uniform: [0, 1]}}, got {shown(value)}."
            )
