"""RLlib's own settings: where teams have another default, allow less than RLlib does, or RLlib says nothing."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Real
from typing import Any

from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

from rllib_remix.errors import SettingError
from rllib_remix.settings import check_choice, check_count, check_flag, check_number, check_schedule
from rllib_remix.team.settings.groups import Setting, SettingList

_UPDATES_PER_EPISODE = ("rollout_episodes_per_update", "train_batch_episodes")


def other_defaults(config: AlgorithmConfig, own: Collection[str]) -> SettingList:
    """RLlib's settings that have another value in `config` than in RLlib; `own` are the names that are not RLlib's."""
    theirs = vars(AlgorithmConfig())
    entries = [
        Setting(name, type(value).__name__, None, value, f"{theirs[name]!r} in RLlib.")
        for name, value in vars(config).items()
        if name in theirs and name not in own and isinstance(value, bool | int | float | str | None)
        if value != theirs[name] and not name.startswith("_")
    ]
    return SettingList("RLlib's settings", "Those that have another default here.", entries)


def check_api(config: Any) -> None:
    """Raises SettingError unless a config asks for PyTorch, RLlib's new API stack and one module for the team."""
    if config.framework_str != "torch":
        raise SettingError(f"framework: {config.framework_str!r} is not supported; allowed: 'torch'.")
    if not (config.enable_rl_module_and_learner and config.enable_env_runner_and_connector_v2):
        raise SettingError("api_stack: only RLlib's new API stack is supported; leave both switches on.")
    if config.is_multi_agent:
        raise SettingError(
            "multi_agent(): a team is one module here, with parameters shared between its agents; leave "
            "`policies` at its default."
        )
    owned = {entry.name for entry in config.own_settings()}
    if config.num_epochs != 1 and "num_epochs" not in owned:
        setting = next(name for name in _UPDATES_PER_EPISODE if name in vars(config))
        raise SettingError(
            f"num_epochs: {config.num_epochs!r} is not allowed; it must be 1. For more updates per sampled "
            f"episode lower `{setting}`."
        )
    if config.minibatch_size is not None:
        raise SettingError(
            f"minibatch_size: {config.minibatch_size!r} is not allowed; it must be None. For smaller batches "
            "lower `train_batch_episodes`."
        )


def check_optimization(config: Any) -> None:
    """Raises SettingError for a discount, a learning rate or a clipping of gradients that cannot be."""
    check_number("gamma", config.gamma, low=0, high=1)
    if isinstance(config.lr, Real):
        check_number("lr", config.lr, low=0, low_open=True)
    else:
        check_schedule("lr", config.lr, low=0)
    if config.grad_clip is not None:
        check_number("grad_clip", config.grad_clip, low=0, low_open=True)
    elif config.log_gradients:
        raise SettingError(
            "log_gradients: True is not allowed without grad_clip, because RLlib then drops the gradients; "
            "`grad_norm` is among the results anyway."
        )
    check_choice("grad_clip_by", config.grad_clip_by, ("value", "norm", "global_norm"))


def check_learner(config: Any) -> None:
    """Raises SettingError unless the learner is the algorithm's own or stands on it."""
    own, given = config.get_default_learner_class(), config.learner_class
    if isinstance(given, type) and not issubclass(given, own):
        raise SettingError(
            f"learner_class: {given.__name__} is not allowed, because it has not the loss of the algorithm; it must be "
            f"{own.__name__} or a subclass of it."
        )


def check_workers(config: Any) -> None:
    """Raises SettingError for env runners or learners that cannot be."""
    check_count("num_envs_per_env_runner", config.num_envs_per_env_runner, low=1)
    for name in ("num_env_runners", "num_learners", "evaluation_num_env_runners"):
        check_count(name, getattr(config, name), low=0)
    check_count("metrics_num_episodes_for_smoothing", config.metrics_num_episodes_for_smoothing, low=1)
    for name in (
        "explore",
        "restart_failed_sub_environments",
        "restart_failed_env_runners",
        "ignore_env_runner_failures",
    ):
        check_flag(name, getattr(config, name))
    for name in ("sample_timeout_s", "evaluation_sample_timeout_s"):
        if getattr(config, name) is not None:
            check_number(name, getattr(config, name), low=0, low_open=True)
    if (config.num_learners or 0) > config.train_batch_episodes:
        raise SettingError(
            f"num_learners: {config.num_learners} is more than the {config.train_batch_episodes} episodes of a batch "
            f"(train_batch_episodes); allowed: 0 … {config.train_batch_episodes}, so that each has an episode."
        )
    if config.num_threads_per_learner > 1:
        _check_threads(config)


def _check_threads(config: Any) -> None:
    threads, learners = config.num_threads_per_learner, config.num_learners or 1
    if config.num_gpus_per_learner:
        raise SettingError(
            f"num_threads_per_learner: {threads} is not allowed with num_gpus_per_learner {config.num_gpus_per_learner!r}, "
            "because a GPU computes the whole batch at once; it must be 1."
        )
    if threads * learners > config.train_batch_episodes:
        most = config.train_batch_episodes // learners
        raise SettingError(
            f"num_threads_per_learner: {threads} is more than the episodes that each learner has of a batch "
            f"(train_batch_episodes {config.train_batch_episodes}, num_learners {config.num_learners}); allowed: 1 … {most}, so "
            "that each has an episode."
        )


def check_overlap(config: Any) -> None:
    """Raises SettingError if env runners are to play meanwhile, but nobody can, or with older weights."""
    if not config.overlap_sampling or config.in_evaluation:  # Evaluation has env runners of its own.
        return
    if not config.num_env_runners:
        raise SettingError(
            "overlap_sampling: True is not allowed with num_env_runners = 0, where the learner's own process "
            "plays; allowed: False, or num_env_runners of 1 or more."
        )
    if config.max_requests_in_flight_per_env_runner != 1:
        raise SettingError(
            f"max_requests_in_flight_per_env_runner: {config.max_requests_in_flight_per_env_runner!r} is not "
            "allowed with overlap_sampling; it must be 1, so that no episode is played with older weights."
        )


def check_evaluation(config: Any) -> None:
    """Raises SettingError for evaluations that cannot be, or would lose results."""
    if config.evaluation_interval is not None:
        check_count("evaluation_interval", config.evaluation_interval, low=0)
    if config.evaluation_duration != "auto":
        check_count("evaluation_duration", config.evaluation_duration, low=1)
    elif config.evaluation_interval:
        raise SettingError(
            "evaluation_duration: 'auto' is not allowed, because it drops late results; give a number of episodes."
        )
