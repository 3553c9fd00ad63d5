"""What is to be trained, as data; every check that can be made before Ray starts."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.checkpoints.manifest import METADATA, CheckpointError
from rllib_remix.errors import SettingError, UserError, nearest, shown, unknown
from rllib_remix.experiments.checks.rllib_refusals import explain
from rllib_remix.experiments.checks.setting_values import check_values
from rllib_remix.experiments.old.models import model_defaults
from rllib_remix.experiments.old.settings import check_effects, check_framework
from rllib_remix.experiments.resources import as_settings
from rllib_remix.experiments.result_keys import check_is_reported
from rllib_remix.experiments.schedulers import Scheduler, build_scheduler, starting_points
from rllib_remix.experiments.search_spaces import (
    MAX_TRIALS,
    check_trials,
    grid_points_to_check,
    points_to_check,
    with_domains,
)
from rllib_remix.experiments.searchers import GREEDY_RETURN, TRAINING_RETURN, Search, check_search
from rllib_remix.experiments.user_modules import find_modules_in, load_class
from rllib_remix.files.text_files import check_path_text, local_path
from rllib_remix.settings import check_count

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

# Keys that RLlib translates although its configs do not list them.
TRANSLATED_KEYS = frozenset({"lambda", "multiagent", "callbacks_class"})
# Points of grids that are all checked, at some 10 ms each.
MAX_CHECKED = 200
# How often a failed trial starts again, unless the user says otherwise: enough for a machine that goes away now and then.
MAX_FAILURES = 3
MAX_COUNT = 10**9  # of iterations and checkpoints; more is a slip


@dataclass
class Checkpoints:
    """When trials are saved and what is kept."""

    frequency: int = 0  # iterations between checkpoints; 0 is never
    at_end: bool = True
    num_to_keep: int | None = None  # None keeps all
    score_attribute: str | None = None  # result key that says which to keep; None keeps the newest
    score_order: str = "max"  # max or min


@dataclass
class Experiment:
    """One experiment: an algorithm on an environment, for every variant of its settings."""

    name: str  # sub-folder of the storage path
    run: str | type[Algorithm]  # registered name, class path or class
    config: dict[str, Any]  # algorithm settings with `env` among them; may hold grid_search
    stop: dict[str, float] = field(default_factory=dict)
    num_samples: int = 1  # repeats of every variant
    storage_path: str = "~/ray_results"
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    restore: Path | None = None  # checkpoint to start from
    resources: dict[str, Any] = field(default_factory=dict)  # of a trial: cpu, gpu, custom_resources
    max_failures: int = MAX_FAILURES  # how often a failed trial is tried again; -1 is without end
    scheduler: Scheduler = field(default_factory=Scheduler)
    search: Search = field(default_factory=Search)
    metric: str = TRAINING_RETURN  # result key by which trials are compared; set by `check_experiment`
    notes: list[str] = field(default_factory=list)  # what was read otherwise than it was written


def check_experiment(
    experiment: Experiment,
    *,
    num_cpus: int | None = None,
    num_gpus: float | None = None,
    here: bool = True,
) -> None:
    """Checks an experiment and all variants of its settings, without starting Ray.

    Args:
        experiment: what is to run. Its `run` is replaced by the class if it was a class path, samplers by
            Tune's search domains; what it reserves becomes part of its settings.
        num_cpus, num_gpus: what will be there, or None if that is not known (a cluster).
        here: whether this process will run it; the folders of another machine are not looked at.

    Raises:
        UserError: for what cannot run, naming the setting, the value and what is allowed.
        SettingError: the same, from the settings of our own algorithms.
    """
    check_count("num_samples", experiment.num_samples, low=1, high=MAX_TRIALS)
    _check_checkpoints(experiment.checkpoints)
    experiment.run, algorithm_class, default = find_algorithm(experiment.run)
    if experiment.restore is not None and here:
        check_restore(experiment.restore, algorithm_class)
    check_trials("config", experiment.config, experiment.num_samples)
    experiment.config = starting_points(experiment.scheduler, with_domains("config", experiment.config))
    configs = [(configure(default, settings), settings) for settings in variants(experiment.config)]
    if experiment.resources:
        trials = [(config, _bundles(algorithm_class, settings)) for config, settings in configs]
        experiment.config |= as_settings("resources_per_trial", experiment.resources, trials)
        experiment.resources = {}
        configs = [(configure(default, settings), settings) for settings in variants(experiment.config)]
    for config, settings in configs:
        bundles = _bundles(algorithm_class, settings)
        _check_resources(bundles, config.num_env_runners, num_cpus, num_gpus)
    _check_comparison(experiment, [config for config, _ in configs])
    _check_result_keys(experiment, [config for config, _ in configs])
    if here:
        experiment.storage_path = check_storage(experiment.storage_path)


def find_algorithm(
    run: str | type[Algorithm],
) -> tuple[str | type[Algorithm], type[Algorithm], AlgorithmConfig]:
    """What Tune is to run, the class behind it, and its default settings.

    Args:
        run: a name that we or RLlib registered, a class path such as "package.module.Class", or a class.

    Raises:
        UserError: if a class path leads nowhere or to something that is no Algorithm.
        SettingError: if the name is unknown, with the nearest valid one.
    """
    from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config

    if isinstance(run, type):
        return run, run, run.get_default_config()
    if run in ALGORITHMS:
        import rllib_remix

        rllib_remix.register()
        find_modules_in(Path.cwd())  # where a weighting of the user's may be
        config = get_algorithm_config(run)
        assert config.algo_class is not None
        return run, config.algo_class, config
    if "." in run:
        from ray.rllib.algorithms.algorithm import Algorithm

        algorithm_class = load_class("--algo", run)
        if not (isinstance(algorithm_class, type) and issubclass(algorithm_class, Algorithm)):
            raise UserError(f"--algo: {run!r} is no RLlib Algorithm class.")
        return algorithm_class, algorithm_class, algorithm_class.get_default_config()
    from ray.rllib.algorithms.registry import ALGORITHMS as RLLIB_ALGORITHMS
    from ray.tune.error import TuneError
    from ray.tune.registry import get_trainable_cls

    try:
        algorithm_class: Any = get_trainable_cls(run)
    except TuneError:
        raise unknown("--algo", run, [*ALGORITHMS, *RLLIB_ALGORITHMS]) from None
    return run, algorithm_class, algorithm_class.get_default_config()


def variants(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings of trials, as far as they can be known: one dict per point of the grids in `config`.

    Of more than 200 points, one dict per value of each grid, with the other grids at their first values.
    Search domains are at their low ends there; further dicts show their other ends, at the grids' first point.

    Raises:
        UserError: if a grid_search is not a list of values.
    """
    from ray.tune.error import TuneError
    from ray.tune.search.variant_generator import generate_variants

    try:
        for number, samples in enumerate(points_to_check(config)):
            for point in grid_points_to_check(samples, MAX_CHECKED):
                for _, resolved in generate_variants({"config": point}):
                    yield resolved["config"]
                    if number > 0:
                        break
                if number > 0:
                    break
    except (TuneError, TypeError, ValueError) as error:
        raise UserError(f"config: a grid_search must be a list of values ({error}).") from error


def configure(default: AlgorithmConfig, settings: Mapping[str, Any]) -> AlgorithmConfig:
    """The full, validated settings of one trial.

    Raises:
        UserError: for an unknown key, an unknown environment, or what RLlib refuses.
        SettingError: for what our own algorithms refuse.
    """
    from rllib_remix.team.setting_types import check_setting_types

    config = default.copy(copy_frozen=False)
    _check_config_keys(config, settings)
    env = settings.get("env", config.env)
    check_environment(env, settings.get("env_config"))
    _check_team_env_has_team_algorithm(config, env)
    check_setting_types("config: ", default, settings)
    try:
        config.update_from_dict(dict(settings))
        _check_api(config)
        if not _is_of_teams(config):  # they check it themselves
            check_effects("config", config, default)
            if isinstance(config.evaluation_config, dict):
                evaluation = default.copy(copy_frozen=False).update_from_dict(config.evaluation_config)
                check_effects("config: evaluation_config", evaluation, default)
        config.validate()
    except (SettingError, UserError):
        raise
    except Exception as error:
        raise UserError(explain(default, settings, error)) from error
    return config


def check_environment(env: object, env_config: Any = None) -> None:
    """Checks that an environment of this name exists: ours, one registered with Ray, Gymnasium's, or a class path.

    Raises:
        UserError: if it does not.
        SettingError: if it is ours and its settings cannot be, or it is nearly one of ours.
    """
    if env is None:
        raise UserError("--env: no environment given; for example --env predator_prey.")
    check_environment_settings("env_config", env_config)
    if not isinstance(env, str):
        if not callable(env):
            raise UserError(
                f"--env: {shown(env)} is not allowed; it must name an environment, such as predator_prey."
            )
        return
    from rllib_remix.envs.registry import TEAM_ENVS, make_team_env

    if env in TEAM_ENVS:
        make_team_env(env, dict(env_config or {}), 1).close()
        return
    if _is_registered_with_ray(env) or _is_in_gymnasium(env):
        return
    if "." in env and "/" not in env:
        load_class("--env", env)
        return
    import gymnasium

    guess = nearest(env, [*TEAM_ENVS, *gymnasium.registry])
    hint = f"; did you mean {guess!r}?" if guess else "."
    allowed = (
        f"{', '.join(sorted(TEAM_ENVS))}, a Gymnasium id such as CartPole-v1, or the path of a class or function, such as "
        "my_module.make with my_module.py in this folder. Names that a script registers (register_env) are its own"
    )
    raise UserError(f"--env: unknown environment {shown(env)}{hint} Allowed: {allowed}.")


def check_environment_settings(owner: str, env_config: object) -> None:
    """Raises UserError unless settings of an environment map names to values, or there are none."""
    if env_config is not None and not isinstance(env_config, Mapping):
        raise UserError(f"{owner}: must map names to values, got {shown(env_config)}.")


def check_restore(path: Path, algorithm_class: type[Algorithm]) -> None:
    """Raises UserError unless `path` is a checkpoint, and, if it is one of ours, one of this algorithm."""
    if not path.is_dir():
        raise UserError(f"--restore: {str(path)!r} is not a folder.")
    if not (path / METADATA).is_file():
        raise UserError(
            f"--restore: {str(path)!r} is no checkpoint (it has no {METADATA}); "
            "give a folder such as .../checkpoint_000003."
        )
    from rllib_remix.checkpoints.team import read_marker, read_metadata

    try:
        if "team" not in read_marker(path):
            return  # RLlib's own, which does not say
        made_by = read_metadata(path)["algorithm"]
    except CheckpointError as error:
        raise UserError(f"--restore: {error}") from None
    if made_by != algorithm_class.__name__:
        raise UserError(f"--restore: {str(path)!r} was made by {made_by}, not by {algorithm_class.__name__}.")


def check_storage(storage_path: str) -> str:
    """The absolute storage path, which need not be there yet; addresses with a scheme (s3://…) stay as they are.

    Raises:
        UserError: if the folder cannot be made or written to, or no file system has this scheme.
    """
    owner = "--storage-path"
    check_path_text(owner, storage_path)
    if "://" in storage_path:
        _check_scheme(owner, storage_path)
        return storage_path
    folder = there = local_path(owner, storage_path).absolute()
    try:
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no permission to write")
    except OSError as error:
        raise UserError(
            f"{owner}: cannot write to {shown(str(folder))}: {shown(str(there))}: {error.strerror}."
        ) from None
    return str(folder)


def _check_scheme(owner: str, address: str) -> None:
    from fsspec import available_protocols

    scheme, _, rest = address.partition("://")
    if scheme not in available_protocols() or not rest.strip("/"):
        guess = nearest(scheme, available_protocols())
        hint = f"; did you mean {guess}://?" if guess and guess != scheme else "."
        raise UserError(
            f"{owner}: {shown(address)} is no address of a folder{hint} Allowed: a local folder, or an address such as "
            "s3://bucket/folder or gs://bucket/folder."
        )


def _check_checkpoints(checkpoints: Checkpoints) -> None:
    check_count("checkpoint frequency", checkpoints.frequency, low=0, high=MAX_COUNT)
    if checkpoints.num_to_keep is not None:
        check_count("checkpoints to keep", checkpoints.num_to_keep, low=1, high=MAX_COUNT)
    if checkpoints.score_order not in ("max", "min"):
        raise unknown("checkpoint_score_order", checkpoints.score_order, ["max", "min"])


def _check_comparison(experiment: Experiment, configs: list[AlgorithmConfig]) -> None:
    """Sets what trials are compared by, and checks the scheduler and the search with it."""
    search = experiment.search
    # Only algorithms of ours repeat their last evaluation in the results between two.
    evaluates = all(
        config.evaluation_interval and (_is_of_teams(config) or config.evaluation_interval == 1)
        for config in configs
    )
    experiment.metric = search.metric or (GREEDY_RETURN if evaluates else TRAINING_RETURN)
    build_scheduler("scheduler", experiment.scheduler, experiment.stop, experiment.metric, search.mode)
    check_search(search, experiment.config)


def _check_result_keys(experiment: Experiment, configs: list[AlgorithmConfig]) -> None:
    """What no result has would never stop a trial, and never choose one."""
    keys: list[tuple[str, str | None]] = [(f"stop: {key}", key) for key in experiment.stop]
    keys.append(("checkpoint_score_attribute", experiment.checkpoints.score_attribute))
    keys.append(("search: metric", experiment.search.metric))
    keys += [
        (f"scheduler: {name}", experiment.scheduler.settings.get(name)) for name in ("metric", "time_attr")
    ]
    for owner, key in keys:
        if key is not None:
            note = check_is_reported(owner, key, configs)
            experiment.notes += [note] if note else []


def _check_api(config: AlgorithmConfig) -> None:
    """For Python modules; a dict of settings is checked when its names are translated."""
    check_framework("framework", config.framework_str)
    if not (config.enable_rl_module_and_learner and config.enable_env_runner_and_connector_v2):
        raise UserError(
            "api_stack: only RLlib's new API stack is run here; leave enable_rl_module_and_learner and "
            "enable_env_runner_and_connector_v2 on."
        )


def _is_of_teams(config: AlgorithmConfig) -> bool:
    from rllib_remix.algorithms.qmix_config import QMIXConfig

    return isinstance(config, QMIXConfig)


def _check_team_env_has_team_algorithm(config: AlgorithmConfig, env: object) -> None:
    from rllib_remix.algorithms.table import ALGORITHMS
    from rllib_remix.envs.registry import TEAM_ENVS

    if env in TEAM_ENVS and not _is_of_teams(config):
        name = config.algo_class.__name__ if config.algo_class else type(config).__name__
        raise UserError(
            f"--env: {env!r} is played by teams, which {name} cannot train; use {', '.join(ALGORITHMS)}."
        )


def _check_config_keys(config: AlgorithmConfig, settings: Mapping[str, Any]) -> None:
    """Names and types of settings, and of those within evaluation_config."""
    parts = {"config": settings}
    if isinstance(settings.get("evaluation_config"), Mapping):
        parts["config: evaluation_config"] = settings["evaluation_config"]
    defaults = config.to_dict()
    for owner, part in parts.items():
        if not _is_of_teams(config):  # their update_from_dict checks the names, with its own message
            check_rllib_settings(owner, config, part)
        check_values(owner, defaults, part)
        if isinstance(part.get("_model_config"), Mapping):
            check_values(f"{owner}: model", model_defaults(), part["_model_config"])


def check_rllib_settings(owner: str, config: AlgorithmConfig, names: Iterable[str]) -> None:
    """Checks that settings of one of RLlib's own algorithms exist.

    Raises:
        UserError: names the first that does not, and the nearest.
    """
    members = {name: getattr(type(config), name) for name in dir(type(config))}
    properties = {name for name, member in members.items() if isinstance(member, property) and member.fset}
    allowed = {*config.to_dict(), *vars(config), *properties} | TRANSLATED_KEYS
    for name in map(str, names):
        if name not in allowed and not name.startswith("__"):  # Tune's own, such as __trial_info__
            guess = nearest(name, [key for key in allowed if not key.startswith("_")])
            hint = f"did you mean {guess!r}?" if guess else f"see the settings of {type(config).__name__}."
            raise UserError(f"{owner}: unknown key {shown(name)}; {hint}")


def _is_registered_with_ray(env: str) -> bool:
    from ray.tune.registry import ENV_CREATOR, _global_registry

    return bool(_global_registry.contains(ENV_CREATOR, env))


def _is_in_gymnasium(env: str) -> bool:
    import gymnasium

    try:
        gymnasium.spec(env)
    except Exception:  # "module:id" imports the module, which runs its code.
        return False
    return True


def _bundles(algorithm_class: type[Algorithm], settings: dict[str, Any]) -> list[dict[str, float]]:
    """What a trial asks for, the main process's part first."""
    try:
        request: Any = algorithm_class.default_resource_request(settings)
    except Exception as error:
        raise UserError(explain(algorithm_class.get_default_config(), settings, error)) from error
    return request.bundles if request is not None else [{}]


def _check_resources(
    bundles: list[dict[str, float]], num_env_runners: Any, num_cpus: int | None, num_gpus: float | None
) -> None:
    """A trial that asks for more than there is would wait for ever."""
    needed = {name: sum(bundle.get(name, 0) for bundle in bundles) for bundle in bundles for name in bundle}
    if num_cpus is not None and needed.get("CPU", 0) > num_cpus:
        cpus = needed["CPU"]
        raise UserError(
            f"one trial needs {cpus:g} CPUs (num_env_runners={num_env_runners}), but there are {num_cpus}; "
            f"lower num_env_runners, or share them with --ray-num-cpus {math.ceil(cpus)}."
        )
    if num_gpus is not None and needed.get("GPU", 0) > num_gpus:
        raise UserError(
            f"one trial needs {needed['GPU']:g} GPUs, but there are {num_gpus:g}; lower num_gpus_per_learner."
        )
    custom = [name for name, amount in needed.items() if amount and name not in ("CPU", "GPU", "memory")]
    if num_cpus is not None and custom:
        raise UserError(
            f"one trial needs the resource {custom[0]!r}, which only a running cluster can have (--ray-address)."
        )
