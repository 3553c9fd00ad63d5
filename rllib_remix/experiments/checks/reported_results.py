"""Whether trials report the results that an experiment names: where it stops, and what it compares."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.result_keys import GROUPS

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig


# What env runners report, RLlib's and ours (Ray 2.60).
OF_ENV_RUNNERS = (
    *(f"episode_{what}_{how}" for what in ("return", "len") for how in ("mean", "max", "min")),
    "episode_duration_sec_mean",
    "num_episodes",
    "num_episodes_lifetime",
    "num_env_steps_sampled",
    "num_env_steps_sampled_lifetime",
    "epsilon",
    "weights_lag",
    "weights_seq_no",
    "sample",
    "env_reset_timer",
    "env_step_timer",
    "rlmodule_inference_timer",
    "time_between_sampling",
    "env_to_module_sum_episodes_length_in",
    "env_to_module_sum_episodes_length_out",
    "broken_episodes",
    # Infos of the environments that are shipped.
    *(
        f"{name}_mean"
        for name in ("battle_won", "dead_allies", "dead_enemies", "episode_limit", "game_build")
    ),
    *(f"{name}_mean" for name in ("prey_captured", "lone_catches")),
)
# Groups in there, with one value per agent, module, or part of a pipeline.
_GROUPS_OF_ENV_RUNNERS = (
    "agent_episode_returns_mean",  # RLlib's name where there are several agents, and ours
    "agent_episode_return_mean",
    "module_episode_return_mean",
    "num_agent_steps_sampled",
    "num_agent_steps_sampled_lifetime",
    "num_module_steps_sampled",
    "num_module_steps_sampled_lifetime",
    "env_to_module_connector",
    "module_to_env_connector",
    "num_env_steps_sampled_lifetime_throughput",
    "connectors",
)
OF_OUR_LEARNERS = (
    "td_loss",
    "q_star_loss",
    "total_loss",
    "q_tot_mean",
    "policy_loss",
    "value_loss",
    "entropy",
    "advantage_mean",
    "advantage_std",
    "value_mean",
    "target_mean",
    "weight_mean",
    "weight_min",
    "weight_max",
    "grad_norm",
    "grad_norm_actor",
    "grad_norm_critic",
    "largest_weight_mean",
    "old_action_probability_mean",
    "overestimated_share",
    "impossible_q_tot_share",
    "num_nonfinite_updates_lifetime",
    "reward_unit",
    "gradients_default_optimizer_global_norm",
    "default_optimizer_learning_rate",
    "actor_learning_rate",
    "critic_learning_rate",
    "num_trainable_parameters",
    "num_non_trainable_parameters",
    "num_env_steps_trained",
    "num_env_steps_trained_lifetime",
    "weights_seq_no",
)
_OF_EVALUATION = (
    "num_healthy_workers",
    "num_remote_worker_restarts",
    "num_env_runners_dropped_lifetime",
    "actor_manager_num_outstanding_async_reqs",
)


def check_result_keys(experiment: Experiment, configs: list[AlgorithmConfig]) -> None:
    """Checks the keys of an experiment: what no result has would never stop a trial, and never choose one.

    Args:
        experiment: gets a note for each key that only code of the user's own can report.
        configs: of its trials.

    Raises:
        UserError: nothing reports a key.
    """
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


def check_is_reported(owner: str, key: str, configs: Sequence[AlgorithmConfig]) -> str | None:
    """Checks that trials with one of these configs report a result under this key, which `check_result_key` passed.

    Callbacks, environments and algorithms of the user's own may report more than is known.

    Args:
        owner: what names the key, for messages.
        key: parts with slashes between them.
        configs: of an experiment's variants.

    Returns:
        A note for the user, if nothing that is known reports it, but something of the user's own may.

    Raises:
        UserError: nothing can; names the nearest key that something does.
    """
    group, *rest = key.split("/")
    if group == "evaluation" and not any(config.evaluation_interval for config in configs):
        raise UserError(
            f"{owner}: {shown(key)} is never reported, since nothing is evaluated; set evaluation_interval."
        )
    if group == "evaluation" and rest[0] == "env_runners":
        group, rest = "evaluation/env_runners", rest[1:]
    if group == "learners":
        return _check_of_learners(owner, key, rest, configs)
    known = {
        "env_runners": OF_ENV_RUNNERS,
        "evaluation/env_runners": OF_ENV_RUNNERS,
        "evaluation": _OF_EVALUATION,
    }
    if group not in known:
        return None
    name = "/".join(rest)
    if name in known[group] or (rest and rest[0] in _GROUPS_OF_ENV_RUNNERS and len(rest) > 1):
        return None
    near = nearest(rest[-1] if rest else "", OF_ENV_RUNNERS)
    place = "evaluation/env_runners" if group == "evaluation" else group
    hint = f"; did you mean {f'{place}/{near}'!r}?" if near else "."
    if not any(_may_report(config, name) for config in configs):
        raise UserError(
            f"{owner}: {shown(key)} is never reported{hint} Allowed: in {place} {', '.join(OF_ENV_RUNNERS)}, and what "
            "callbacks of your own log."
        )
    return f"{owner}: {shown(key)} is nothing that RLlib reports{hint} It has an effect only if your own code reports it."


def _check_of_learners(owner: str, key: str, rest: list[str], configs: Sequence[AlgorithmConfig]) -> None:
    """What learners report depends on the algorithm; of ours it is known."""
    if len(rest) < 2:
        raise UserError(
            f"{owner}: {shown(key)} is never reported; below learners come modules: {GROUPS['learners']}."
        )
    name = "/".join(rest[1:])
    near = _near_miss(name, OF_OUR_LEARNERS)
    if near and all(_is_ours(config) and _is_of_package(config.learner_class) for config in configs):
        raise UserError(
            f"{owner}: {shown(key)} is never reported; did you mean {'/'.join(['learners', rest[0], near])!r}?"
        )


def _may_report(config: AlgorithmConfig, name: str) -> bool:
    """Whether something of the user's own may report more than is known."""
    own = [
        config.algo_class,
        type(config),
        config.callbacks_class,
        config.env_runner_cls,
        config.custom_evaluation_function,
    ]
    if not all(each is None or _is_of_package(each) for each in own):
        return True
    if any(value for part, value in vars(config).items() if part.startswith("callbacks_on_")):
        return True
    # Teams' environments report by their infos: the last of each episode, as means.
    if not _is_ours(config) or not name.endswith("_mean") or "/" in name:
        return False
    from rllib_remix.rollout.building import is_shipped

    return not (is_shipped(config.env) and _near_miss(name, OF_ENV_RUNNERS))


def _near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one is nearly, but not quite."""
    near = difflib.get_close_matches(name[:200], list(known), n=1, cutoff=0.85)
    return near[0] if near and near[0] != name else None


def _is_ours(config: AlgorithmConfig) -> bool:
    return type(config).__module__.startswith("rllib_remix.")


def _is_of_package(part: Any) -> bool:
    parts = part if isinstance(part, (list, tuple)) else [part]
    return all(str(getattr(each, "__module__", "")).startswith(("ray.", "rllib_remix.")) for each in parts)
