"""Settings, result keys and experiment keys of RLlib's old API stack, as files of that time have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.cli.errors import UserError
from rllib_remix.cli.result_keys import RENAMED_RESULT_KEYS

# Old setting → its successor, with the same meaning.
RENAMED_SETTINGS = {
    "num_workers": "num_env_runners",
    "num_envs_per_worker": "num_envs_per_env_runner",
    "num_rollout_workers": "num_env_runners",
    "sgd_minibatch_size": "minibatch_size",
    "num_sgd_iter": "num_epochs",
    "num_gpus": "num_gpus_per_learner",
    "num_cpus_per_worker": "num_cpus_per_env_runner",
    "num_gpus_per_worker": "num_gpus_per_env_runner",
    "custom_resources_per_worker": "custom_resources_per_env_runner",
    "num_cpus_for_driver": "num_cpus_for_main_process",
    "num_cpus_for_local_worker": "num_cpus_for_main_process",
    "num_learner_workers": "num_learners",
    "num_gpus_per_learner_worker": "num_gpus_per_learner",
    "num_cpus_per_learner_worker": "num_cpus_per_learner",
    "evaluation_num_workers": "evaluation_num_env_runners",
    "evaluation_num_episodes": "evaluation_duration",
    "ignore_worker_failures": "ignore_env_runner_failures",
    "recreate_failed_workers": "restart_failed_env_runners",
    "max_num_worker_restarts": "max_num_env_runner_restarts",
    "delay_between_worker_restarts_s": "delay_between_env_runner_restarts_s",
    "worker_restore_timeout_s": "env_runner_restore_timeout_s",
    "worker_health_probe_timeout_s": "env_runner_health_probe_timeout_s",
    "num_consecutive_worker_failures_tolerance": "num_consecutive_env_runner_failures_tolerance",
    "validate_workers_after_construction": "validate_env_runners_after_construction",
    "timesteps_per_iteration": "min_sample_timesteps_per_iteration",
    "min_iter_time_s": "min_time_s_per_iteration",
    "min_time_s_per_reporting": "min_time_s_per_iteration",
    "metrics_smoothing_episodes": "metrics_num_episodes_for_smoothing",
    "create_env_on_driver": "create_env_on_local_worker",
    "learning_starts": "num_steps_sampled_before_learning_starts",
}
# Old settings that changed nothing that is still there.
DROPPED_SETTINGS = {
    "simple_optimizer": "learners replace it",
    "eager_tracing": "it was TensorFlow's",
    "eager_max_retraces": "it was TensorFlow's",
    "tf_session_args": "it was TensorFlow's",
    "local_tf_session_args": "it was TensorFlow's",
    "enable_connectors": "connectors are always on",
    "always_attach_evaluation_results": "results always have the last evaluation",
    "enable_async_evaluation": "use evaluation_parallel_to_training",
    "preprocessor_pref": "connectors replace preprocessors",
    "worker_side_prioritization": "priorities are the learner's",
    "synchronize_filters": "connectors replace filters",
}
REFUSED_SETTINGS = {
    "horizon": "give the environment a time limit, such as max_episode_steps or episode_limit in env_config",
    "soft_horizon": "give the environment a time limit",
    "no_done_at_end": "let the environment truncate its episodes",
    "monitor": "use `rllib evaluate --render`",
    "buffer_size": "use replay_buffer_config: {capacity: …} (replay_buffer_capacity for teams)",
    "prioritized_replay": "use replay_buffer_config: {type: PrioritizedEpisodeReplayBuffer}",
}
# Switches of the new API stack, which is the only one here.
STACK_SWITCHES = (
    "enable_rl_module_and_learner",
    "enable_env_runner_and_connector_v2",
    "_enable_new_api_stack",
    "_enable_learner_api",
    "_enable_rl_module_api",
)
OLD_BUFFERS = {
    "MultiAgentReplayBuffer": "EpisodeReplayBuffer",
    "ReplayBuffer": "EpisodeReplayBuffer",
    "MultiAgentPrioritizedReplayBuffer": "PrioritizedEpisodeReplayBuffer",
    "PrioritizedReplayBuffer": "PrioritizedEpisodeReplayBuffer",
}


def translate_config(
    owner: str, config: Mapping[str, Any], *, of_team: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Settings with the names of the new API stack, and a note for each that was translated.

    Args:
        owner: what they are of, for messages.
        config: settings by name, old or new.
        of_team: whether an algorithm of ours takes them; it says itself what to use for those it has not.

    Raises:
        UserError: for an old setting without successor (what to use instead), or one given by both names.
    """
    new: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in config.items():
        if key in REFUSED_SETTINGS and not (of_team and key == "buffer_size"):
            raise UserError(f"{owner}: {key} is gone from RLlib: {REFUSED_SETTINGS[key]}.")
        if key == "framework":
            check_framework(f"{owner}: framework", value)
        elif key in STACK_SWITCHES:
            _check_stack(owner, key, value)
        elif key in DROPPED_SETTINGS:
            notes.append(f"{owner}: {key} is left out: {DROPPED_SETTINGS[key]}.")
        else:
            name, value = _translated(owner, key, value, of_team, notes)
            if name in new or (name != key and name in config):
                raise UserError(f"{owner}: {key} is the old name of {name}, which is given too; give one.")
            new[name] = value
    return new, notes


def check_framework(owner: str, framework: object) -> None:
    """Raises UserError unless the framework is PyTorch, the only one of the new API stack."""
    if framework not in ("torch", None):
        raise UserError(
            f"{owner}: {framework!r} is not supported, RLlib's new API stack runs on PyTorch only; use torch."
        )


def translate_result_key(key: str) -> str:
    """The name that a result key of the old API stack has now; others stay as they are."""
    *parents, last = [
        part for part in key.split("/") if part not in ("sampler_results", "hist_stats", "info")
    ]
    renamed = RENAMED_RESULT_KEYS.get(last)
    if renamed is None or (parents and "reward" not in last and "timesteps" not in last and len(parents) > 1):
        return key
    if "/" not in renamed:  # a counter of the whole run
        return renamed if not parents or parents == ["env_runners"] else key
    if parents in ([], ["env_runners"]):
        return renamed
    return f"evaluation/{renamed}" if parents in (["evaluation"], ["evaluation", "env_runners"]) else key


def translate_stop(owner: str, stop: Any) -> tuple[Any, list[str]]:
    """Stop criteria with the result keys of now, and a note for each that was translated."""
    if not isinstance(stop, Mapping):
        return stop, []
    new = {translate_result_key(str(key)): value for key, value in stop.items()}
    renamed = [(key, translate_result_key(str(key))) for key in stop if translate_result_key(str(key)) != key]
    return new, [f"{owner}: stop at {old} is read as {now}." for old, now in renamed]


def _check_stack(owner: str, key: str, value: object) -> None:
    if value is False:
        raise UserError(
            f"{owner}: {key}: False is not allowed; only RLlib's new API stack is run here. Leave it out."
        )


def _translated(owner: str, key: str, value: Any, of_team: bool, notes: list[str]) -> tuple[str, Any]:
    if key in RENAMED_SETTINGS and not (of_team and key == "learning_starts"):
        name = RENAMED_SETTINGS[key]
        notes.append(f"{owner}: {key} is read as {name}.")
        return name, value
    if of_team and key != "exploration_config":
        return key, value
    if key == "exploration_config" and isinstance(value, Mapping):
        return _exploration(owner, value, notes)
    if key == "model" and value:
        notes.append(f"{owner}: model is read as the model config of the new API stack's RLModule.")
        return "_model_config", value
    if key == "replay_buffer_config" and isinstance(value, Mapping) and value.get("type") in OLD_BUFFERS:
        kind = OLD_BUFFERS[value["type"]]
        notes.append(f"{owner}: replay_buffer_config: type {value['type']} is read as {kind}.")
        return key, {**value, "type": kind}
    return key, value


def _exploration(owner: str, value: Mapping[str, Any], notes: list[str]) -> tuple[str, Any]:
    """An ε-greedy schedule in its old form; RLlib's defaults are 1.0 → 0.05 in 10,000 env steps."""
    if value.get("type", "EpsilonGreedy") != "EpsilonGreedy":
        raise UserError(
            f"{owner}: exploration_config {value.get('type')!r} is gone from RLlib: exploration is part of the RLModule."
        )
    start, end = value.get("initial_epsilon", 1.0), value.get("final_epsilon", 0.05)
    steps = max(1, int(value.get("epsilon_timesteps", 10_000)))
    notes.append(f"{owner}: exploration_config is read as epsilon: [[0, {start}], [{steps}, {end}]].")
    return "epsilon", [[0, start], [steps, end]]
