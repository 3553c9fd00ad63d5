"""RLlib's settings that would have no effect on teams, and what to use instead."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from rllib_remix.errors import SettingError

_CONNECTOR = "env runners and learners exchange whole team episodes; change the environment instead"
_NETWORKS = "use the network settings of training(), such as `agent_hidden_dim`"
_OFFLINE = "teams learn from the episodes that their env runners play"
_PROCESSES = "use `num_env_processes` for copies in processes of their own"
_ACTIONS = "actions are discrete"
_COMPILED = "the networks' time loops have compiled kernels of their own"

# Attribute of AlgorithmConfig → how to get there; {learner} is the algorithm's own.
UNUSED_SETTINGS = {
    # training()
    "train_batch_size": "use `train_batch_episodes`",
    "_train_batch_size_per_learner": "use `train_batch_episodes`, which the learners share",
    "shuffle_batch_per_epoch": "every update draws its batch from the replay buffer",
    "model": _NETWORKS,
    "optimizer": "use `learner_class` with a {learner} that overrides `configure_optimizers_for_module`",
    "buffer_size": "use `replay_buffer_capacity`",
    "replay_batch_size": "use `train_batch_episodes`",
    "learning_starts": "updates start once the replay buffer holds `train_batch_episodes`",
    "num_gpus": "use `num_gpus_per_learner`",
    # rl_module()
    "_model_config": f"{_NETWORKS}, or `rl_module_spec` for a module of your own",
    "algorithm_config_overrides_per_module": "a team is one module; use training()",
    # env_runners()
    "batch_mode": "whole episodes are always sampled",
    "rollout_fragment_length": "whole episodes are always sampled; use `rollout_episodes_per_update`",
    "_env_to_module_connector": _CONNECTOR,
    "_module_to_env_connector": _CONNECTOR,
    "observation_filter": "use `normalize_observations`",
    "compress_observations": "the replay buffer keeps the environment's compact dtypes",
    "episode_lookback_horizon": "the networks are recurrent",
    "gym_env_vectorize_mode": _PROCESSES,
    "remote_worker_envs": _PROCESSES,
    # environment()
    "clip_rewards": "use `reward_scale` or `standardize_rewards`",
    "normalize_actions": _ACTIONS,
    "clip_actions": _ACTIONS,
    "action_mask_key": "environments give `avail_actions`",
    "render_env": "use `rllib evaluate --render`",
    # learners()
    "_learner_connector": _CONNECTOR,
    "num_aggregator_actors_per_learner": "the replay buffer builds the batches",
    # framework()
    "torch_compile_learner": _COMPILED,
    "torch_compile_worker": _COMPILED,
    # offline_data()
    "input_": _OFFLINE,
    "output": _OFFLINE,
}


def check_unused(config: Any, defaults: Any) -> None:
    """Raises SettingError for the first setting without effect that is not as in `defaults`, another config."""
    for attribute, instead in {**UNUSED_SETTINGS, **config.instead}.items():
        value, default = _comparable(getattr(config, attribute)), _comparable(getattr(defaults, attribute))
        is_off = not value and not default  # None, False, 0 and {} all say so.
        if value == default or is_off:
            continue
        if isinstance(value, dict) and isinstance(default, dict):
            value = {key: part for key, part in value.items() if key not in default or default[key] != part}
            default = "its default"
        else:
            default = repr(default)
        raise SettingError(
            f"{attribute.strip('_')}: {value!r} is not allowed, because it would have no effect here: "
            f"{instead.format(learner=config.get_default_learner_class().__name__)}. "
            f"Leave it at {default}."
        )


def check_given(settings: Mapping[str, Any], defaults: Any) -> None:
    """Raises SettingError for a batch size in env steps that is as in `defaults`, a config: it was asked for.

    Any other is found by `check_unused`.
    """
    if settings.get("train_batch_size") == defaults.train_batch_size:
        raise SettingError(
            f"train_batch_size: {defaults.train_batch_size} is not allowed, because it would have no effect here: "
            f"{UNUSED_SETTINGS['train_batch_size']}. Leave it out."
        )


def _comparable(value: Any) -> Any:
    """A member of an enumeration as the string that RLlib takes as well."""
    return value.value if isinstance(value, Enum) else value
