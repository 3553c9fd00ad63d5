"""Old settings of which other settings do the same now: filters, schedules, exploration, replay, policies."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from rllib_remix.errors import SettingError, nearest, shown
from rllib_remix.experiments.old import on_workers
from rllib_remix.experiments.old.settings_of_algorithms import TEAM
from rllib_remix.experiments.old.translation import NotTaken, Translation, choices, each
from rllib_remix.settings import check_number, check_schedule

_FILTERS = ("NoFilter", "MeanStdFilter", "ConcurrentMeanStdFilter")
_DEFAULT_POLICY = "default_policy"
# RLlib's defaults of ε-greedy exploration, then: of DQN, and of QMIX.
_EPSILON = {"initial_epsilon": 1.0, "final_epsilon": 0.02, "epsilon_timesteps": 10_000, "warmup_timesteps": 0}
_EPSILON_OF_TEAMS = _EPSILON | {"final_epsilon": 0.01, "epsilon_timesteps": 40_000}
_IS_GONE = (
    "exploration is part of the RLModule now, and RLlib's modules have ε-greedy (DQN) or sample their actions"
)
_OPTIMIZATION = {
    "actor_learning_rate": "actor_lr",
    "critic_learning_rate": "critic_lr",
    "entropy_learning_rate": "alpha_lr",
}
_OLD_LEARNING_RATE = 3e-4  # of all three
_POLICY_MAPPING = "ray.rllib.examples.multi_agent_and_self_play.policy_mapping_fn.PolicyMappingFn"


def translate_filter(translation: Translation, key: str, value: Any) -> None:
    """`observation_filter` becomes connectors of the env runners."""
    for name in choices(value):
        if name is not None and name not in _FILTERS:
            raise NotTaken(f"allowed: {', '.join(_FILTERS)}")
    filtered = any(name not in (None, "NoFilter") for name in choices(value))
    if filtered and translation.algorithm == TEAM:
        raise NotTaken("scale the observations in the environment")
    if not filtered and not translation.prefix:
        return  # as it is anyway; within evaluation_config it takes training's away
    several = _has_policies(translation)
    function = on_workers.mean_std_filter_of_agents if several else on_workers.mean_std_filter
    new = each(value, lambda name: None if name in (None, "NoFilter") else function)
    translation.set(key, "_env_to_module_connector", new)
    if filtered:
        translation.note(key, "is read as the env-to-module connector MeanStdFilter, without clipping.")


def translate_schedule(translation: Translation, key: str, value: Any) -> None:
    """`lr_schedule` and `entropy_coeff_schedule` become the setting itself, which takes a schedule now."""
    if value is None:
        return
    name = key.removesuffix("_schedule")
    translation.new[name] = each(value, _schedule)
    translation.note(key, f"is read as {name}.")


def _schedule(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], list | tuple):
        value = value[0][-1]  # one point is a constant
    try:
        check_schedule("", value, low=0)
    except SettingError:
        raise NotTaken("a schedule is [[0, start], [env steps, end], …], forwards from 0") from None
    return value


def translate_exploration(translation: Translation, key: str, value: Any) -> None:
    """ε-greedy exploration becomes `epsilon`; what the modules do anyway is left out."""
    greedy = translation.algorithm in ("DQN", TEAM)
    for config in choices(value):
        _check_exploration(config, greedy=greedy)
    if not any(choices(value)):
        return
    if not greedy:
        translation.note(key, "is left out: modules sample their actions anyway.")
        return
    defaults = _EPSILON_OF_TEAMS if translation.algorithm == TEAM else _EPSILON
    epsilon = each(value, lambda config: _epsilon(defaults, config or {}))
    translation.set(key, "epsilon", epsilon)
    translation.note(key, f"is read as epsilon: {shown(epsilon)}.")


def _check_exploration(config: Any, *, greedy: bool) -> None:
    if not config:
        return
    if not isinstance(config, Mapping):
        raise NotTaken("it must map names to values")
    kind = str(config.get("type", "EpsilonGreedy" if greedy else "StochasticSampling")).rpartition(".")[2]
    allowed = set(_EPSILON) if greedy else {"random_timesteps"}
    if kind != ("EpsilonGreedy" if greedy else "StochasticSampling"):
        raise NotTaken(
            f"{_IS_GONE}; use {'epsilon' if greedy else 'a module of your own in a Python module'}"
        )
    for name, number in config.items():
        if name == "type":
            continue
        if name not in allowed:
            guess = nearest(str(name), allowed)
            hint = f"; did you mean {guess!r}?" if guess else ""
            raise NotTaken(f"{name!r} is not understood{hint} Allowed: type, {', '.join(sorted(allowed))}")
        try:
            check_number(name, number, low=0)
        except SettingError as error:
            raise NotTaken(f"{str(error).rstrip('.')}; or use epsilon") from None
        if not greedy and number:
            raise NotTaken(f"{name} is gone: {_IS_GONE}; leave it out")


def _epsilon(defaults: Mapping[str, float], config: Mapping[str, Any]) -> list[list[float]]:
    """The schedule: held at the start for the warm-up, then a line down to the end."""
    settings = {**defaults, **config}
    start, end = settings["initial_epsilon"], settings["final_epsilon"]
    warmup, steps = int(settings["warmup_timesteps"]), max(1, int(settings["epsilon_timesteps"]))
    held = [[warmup, start]] if warmup else []
    return [[0, start], *held, [warmup + steps, end]]


def translate_optimization(translation: Translation, key: str, value: Any) -> None:
    """SAC's `optimization` becomes three learning rates."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise NotTaken(f"it must map {', '.join(_OPTIMIZATION)} to learning rates")
    for name in value:
        if name not in _OPTIMIZATION:
            guess = nearest(str(name), _OPTIMIZATION)
            hint = f"; did you mean {guess!r}?" if guess else ";"
            raise NotTaken(f"{name!r} is not understood{hint} allowed: {', '.join(_OPTIMIZATION)}")
    for old, new in _OPTIMIZATION.items():
        if value.get(old) is not None or new not in translation.given:
            translation.set(key, new, value.get(old, _OLD_LEARNING_RATE))
    read = ", ".join(
        f"{new}: {translation.new[new]}" for new in _OPTIMIZATION.values() if new in translation.new
    )
    translation.note(key, f"is read as {read}.")


def translate_gpus(translation: Translation, key: str, value: Any) -> None:
    """`num_gpus` of one learner become that many learners with one GPU each."""
    numbers = choices(value)
    if not all(isinstance(number, int | float) and number >= 0 for number in numbers):
        raise NotTaken("it must be a number of GPUs, at least 0; use num_learners and num_gpus_per_learner")
    if max(numbers) <= 1:
        translation.set(key, "num_gpus_per_learner", value)
        translation.note(key, "is read as num_gpus_per_learner.")
        return
    if len(numbers) > 1 or value != int(value):
        raise NotTaken("use num_learners, the number of GPUs, and num_gpus_per_learner: 1")
    translation.set(key, "num_learners", int(value))
    translation.set(key, "num_gpus_per_learner", 1)
    translation.note(key, f"is read as num_learners: {int(value)}, num_gpus_per_learner: 1.")


def translate_fragment(translation: Translation, key: str, value: Any) -> None:
    """A fragment is never shorter than `n_step`; older RLlib lengthened it, and that is what happens here."""
    n_step = translation.given.get("n_step", 1)
    longest = n_step[-1] if isinstance(n_step, list | tuple) and n_step else n_step
    replays = translation.algorithm in ("DQN", "SAC")
    short = replays and isinstance(value, int) and isinstance(longest, int) and value < longest
    if short:
        translation.note(key, f"{value} is read as {longest}, because n_step is {shown(n_step)}.")
    translation.set(key, key, longest if short else value)


def translate_input(translation: Translation, key: str, value: Any) -> None:
    """`input`: "sampler", or the folders of a data set, which must be in a form of now."""
    for path in choices(value):
        paths = path if isinstance(path, list) else [path]
        if any(str(one) == "dataset" or str(one).startswith("d4rl") for one in paths):
            raise NotTaken("data sets are read with Ray Data now; give their paths, folders of Parquet files")
        old_files = any(str(one).endswith((".json", ".zip", ".gz")) for one in paths)
        if old_files and "input_read_method" not in translation.given:
            raise NotTaken(
                "Parquet files are what is read; for files of the old API stack give also input_read_method: "
                "read_json and input_read_sample_batches: true"
            )
    translation.set(key, key, value)


def translate_policies(translation: Translation, key: str, value: Any) -> None:
    """`policies`, `policy_mapping_fn` and `policies_to_train`, which RLlib takes within `multiagent`."""
    new = _POLICY_SETTINGS[key](value)
    if translation.algorithm == TEAM and new not in (None, [], [_DEFAULT_POLICY]):
        raise NotTaken("a team is one module, with parameters shared between its agents; leave it out")
    if new is not None and translation.algorithm != TEAM:
        translation.merge(key, "multiagent", {key: new})


def _policies(value: Any) -> list[str] | None:
    """The policies' names; they have the settings of the algorithm."""
    if isinstance(value, list | tuple | set):
        return [str(name) for name in value]
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise NotTaken("it must be a list of names")
    for name, spec in value.items():
        parts = list(spec.values()) if isinstance(spec, Mapping) else spec
        if parts and (not isinstance(parts, list | tuple) or any(parts)):
            raise NotTaken(
                f"policy {name!r} has a class, spaces or settings of its own; use a list of names, and "
                "algorithm_config_overrides_per_module in a Python module"
            )
    return [str(name) for name in value]


def _policy_mapping(value: Any) -> Any:
    """The function of a mapping that is given by its path, or by that of a class."""
    if value is None or callable(value):
        return value
    settings = dict(value) if isinstance(value, Mapping) else {"type": value}
    path = settings.pop("type", None)
    if path == _POLICY_MAPPING:
        return on_workers.policy_of_agent
    module, _, name = str(path).rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
        if isinstance(function, type):
            function = function(**settings)
        required = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
    except Exception as error:
        raise NotTaken(f"{path!r} cannot be loaded ({error}); give the path of a function") from error
    if len(required) > 2:
        raise NotTaken(
            f"{path!r} is called with agent_id and episode alone now; give {required[2]!r} a default"
        )
    return function


def _policies_to_train(value: Any) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise NotTaken("it must be a list of policies")
    return [str(name) for name in value]


_POLICY_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "policies": _policies,
    "policy_mapping_fn": _policy_mapping,
    "policies_to_train": _policies_to_train,
}


def _has_policies(translation: Translation) -> bool:
    """Whether RLlib will take this for a multi-agent experiment."""
    given = {**translation.outside, **translation.given}
    nested = given.get("multiagent")
    policies = given.get("policies") or (nested.get("policies") if isinstance(nested, Mapping) else None)
    return bool(policies) and (len(policies) > 1 or _DEFAULT_POLICY not in policies)
