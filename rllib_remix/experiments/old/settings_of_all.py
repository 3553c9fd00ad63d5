"""What became of the settings that all of RLlib's algorithms had."""

from __future__ import annotations

from rllib_remix.experiments.old.fates import (
    IN_PYTHON,
    OTHER_OPTIMIZER,
    TENSORFLOW,
    Dropped,
    Fate,
    Kept,
    Refused,
    Renamed,
    Translated,
    all_of,
)

_ENVIRONMENT = "do it in the environment, with a Gymnasium wrapper"
_CLASSES = (None,)
_OFFLINE = (
    "algorithms that learn from data read it with Ray Data now: give the folder of Parquet files as `input`"
)
_KEPT = """
    _dont_auto_sync_env_runner_states _learner_class _rl_module_spec _torch_grad_scaler_class
    _torch_lr_scheduler_classes _train_batch_size_per_learner _use_msgpack_checkpoints _env_to_module_connector
    _learner_connector _module_to_env_connector _is_atari _validate_config
    action_space add_default_connectors_to_env_to_module_pipeline add_default_connectors_to_learner_pipeline
    add_default_connectors_to_module_to_env_pipeline algorithm_config_overrides_per_module batch_mode callbacks
    callbacks_class callbacks_on_algorithm_init callbacks_on_checkpoint_loaded callbacks_on_env_runners_recreated
    callbacks_on_environment_created callbacks_on_episode_created callbacks_on_episode_end
    callbacks_on_episode_start callbacks_on_episode_step callbacks_on_evaluate_end callbacks_on_evaluate_start
    callbacks_on_sample_end callbacks_on_train_result clip_actions create_env_on_local_worker
    custom_eval_function custom_evaluation_function custom_resources_per_env_runner dataset_num_iters_per_learner
    delay_between_env_runner_restarts_s disable_env_checking env_config env_runner_cls
    env_runner_health_probe_timeout_s env_runner_restore_timeout_s episode_lookback_horizon episodes_to_numpy
    evaluation_duration evaluation_duration_unit evaluation_force_reset_envs_before_iteration evaluation_interval
    evaluation_num_env_runners evaluation_parallel_to_training evaluation_sample_timeout_s explore gamma grad_clip
    grad_clip_by gym_env_vectorize_mode ignore_env_runner_failures input_compress_columns input_filesystem
    input_filesystem_kwargs input_read_batch_size input_read_episodes input_read_method input_read_method_kwargs
    input_read_sample_batches input_read_schema iter_batches_kwargs learner_config_dict local_gpu_idx log_gradients
    log_level lr map_batches_kwargs materialize_data materialize_mapped_data max_num_env_runner_restarts
    max_requests_in_flight_per_aggregator_actor max_requests_in_flight_per_env_runner
    max_requests_in_flight_per_learner metrics_num_episodes_for_smoothing min_sample_timesteps_per_iteration
    min_time_s_per_iteration min_train_timesteps_per_iteration minibatch_size normalize_actions
    num_aggregator_actors_per_learner num_consecutive_env_runner_failures_tolerance num_cpus_for_main_process
    num_cpus_per_env_runner num_cpus_per_learner num_env_runners num_envs_per_env_runner num_epochs
    num_gpus_per_env_runner num_gpus_per_learner num_learners observation_space offline_data_class output
    output_compress_columns output_filesystem output_filesystem_kwargs output_max_rows_per_file
    output_write_episodes output_write_method output_write_method_kwargs output_write_remaining_data
    placement_strategy postprocess_inputs prelearner_buffer_class prelearner_buffer_kwargs prelearner_class
    restart_failed_env_runners restart_failed_sub_environments sample_timeout_s seed shuffle_batch_per_epoch
    sync_filters_on_rollout_workers_timeout_s torch_compile_learner torch_compile_learner_dynamo_backend
    torch_compile_learner_dynamo_mode torch_compile_learner_what_to_compile torch_compile_worker
    torch_compile_worker_dynamo_backend torch_compile_worker_dynamo_mode torch_ddp_kwargs torch_skip_nan_gradients
    train_batch_size train_batch_size_per_learner validate_env_runners_after_construction
"""
_RENAMED = {
    "collect_metrics_timeout": "metrics_episode_collection_timeout_s",
    "create_env_on_driver": "create_env_on_local_worker",
    "custom_resources_per_worker": "custom_resources_per_env_runner",
    "delay_between_worker_restarts_s": "delay_between_env_runner_restarts_s",
    "evaluation_num_episodes": "evaluation_duration",
    "evaluation_num_workers": "evaluation_num_env_runners",
    "grad_norm_clipping": "grad_clip",
    "ignore_worker_failures": "ignore_env_runner_failures",
    "input_": "input",
    "is_atari": "_is_atari",
    "lambda_": "lambda",
    "max_num_worker_restarts": "max_num_env_runner_restarts",
    "max_requests_in_flight_per_aggregator_worker": "max_requests_in_flight_per_aggregator_actor",
    "max_requests_in_flight_per_sampler_worker": "max_requests_in_flight_per_env_runner",
    "max_sample_requests_in_flight_per_worker": "max_requests_in_flight_per_env_runner",
    "metrics_smoothing_episodes": "metrics_num_episodes_for_smoothing",
    "min_iter_time_s": "min_time_s_per_iteration",
    "min_sample_timesteps_per_reporting": "min_sample_timesteps_per_iteration",
    "min_time_s_per_reporting": "min_time_s_per_iteration",
    "min_train_timesteps_per_reporting": "min_train_timesteps_per_iteration",
    "num_aggregation_workers": "num_aggregator_actors_per_learner",
    "num_consecutive_worker_failures_tolerance": "num_consecutive_env_runner_failures_tolerance",
    "num_cpus_for_driver": "num_cpus_for_main_process",
    "num_cpus_for_local_worker": "num_cpus_for_main_process",
    "num_cpus_per_learner_worker": "num_cpus_per_learner",
    "num_cpus_per_worker": "num_cpus_per_env_runner",
    "num_envs_per_worker": "num_envs_per_env_runner",
    "num_gpus_per_learner_worker": "num_gpus_per_learner",
    "num_gpus_per_worker": "num_gpus_per_env_runner",
    "num_learner_workers": "num_learners",
    "num_rollout_workers": "num_env_runners",
    "num_sgd_iter": "num_epochs",
    "num_workers": "num_env_runners",
    "recreate_failed_env_runners": "restart_failed_env_runners",
    "recreate_failed_workers": "restart_failed_env_runners",
    "sample_batch_size": "rollout_fragment_length",
    "sgd_minibatch_size": "minibatch_size",
    "shuffle_sequences": "shuffle_batch_per_epoch",
    "target_update_frequency": "target_network_update_freq",
    "timesteps_per_iteration": "min_sample_timesteps_per_iteration",
    "update_worker_filter_stats": "broadcast_env_runner_states",
    "use_worker_filter_stats": "merge_env_runner_states",
    "validate_workers_after_construction": "validate_env_runners_after_construction",
    "worker_health_probe_timeout_s": "env_runner_health_probe_timeout_s",
    "worker_restore_timeout_s": "env_runner_restore_timeout_s",
}
_TRANSLATED = """
    _enable_learner_api _enable_new_api_stack _enable_rl_module_api _model_config enable_env_runner_and_connector_v2
    enable_rl_module_and_learner entropy_coeff_schedule env evaluation_config exploration_config framework
    framework_str input lr_schedule model model_config model_config_dict multiagent num_gpus observation_filter
    policies policies_to_train policy_mapping_fn rollout_fragment_length use_pytorch
"""
_DROPPED = {
    "_disable_action_flattening": "the new API stack has no preprocessors",
    "_disable_execution_plan_api": "it has none",
    "_disable_initialize_loss_from_dummy_batch": "losses are not initialized from dummy batches",
    "_disable_preprocessor_api": "the new API stack has no preprocessors",
    "_set_off_policy_estimation_methods": "it was for RLlib's own use",
    "_tf_policy_handles_more_than_one_loss": TENSORFLOW,
    "always_attach_evaluation_results": "results always have the last evaluation",
    "auto_wrap_old_gym_envs": "environments are Gymnasium's",
    "eager": TENSORFLOW,
    "eager_max_retraces": TENSORFLOW,
    "eager_tracing": TENSORFLOW,
    "enable_async_evaluation": "use evaluation_parallel_to_training",
    "enable_connectors": "connectors are always on",
    "enable_tf1_exec_eagerly": TENSORFLOW,
    "local_tf_session_args": TENSORFLOW,
    "log_sys_usage": "Tune decides it",
    "metrics_episode_collection_timeout_s": "env runners report their episodes with their samples",
    "ope_split_batch_by_episode": "it was part of off_policy_estimation_methods",
    "policy_map_cache": "all policies stay in memory",
    "policy_map_capacity": "all policies stay in memory",
    "preprocessor_pref": "connectors replace preprocessors",
    "sampler_perf_stats_ema_coef": "it changed reports alone",
    "simple_optimizer": "learners replace it",
    "synchronize_filter": "connectors replace filters",
    "synchronize_filters": "connectors replace filters",
    "tf_session_args": TENSORFLOW,
    "worker_side_prioritization": "priorities are the learner's",
}
_REFUSED = {
    "_fake_gpus": Refused("leave it out; learners take the GPUs that there are (num_gpus_per_learner)"),
    "action_mask_key": Refused(
        "a module of your own reads the mask; give it in a Python module", (None, "action_mask")
    ),
    "actions_in_input_normalized": Refused("set normalize_actions to what the data has"),
    "buffer_size": Refused("use replay_buffer_config: {capacity: …}", ()),
    "checkpoint_trainable_policies_only": Refused("checkpoints hold all modules"),
    "clip_rewards": Refused(f"rewards are not clipped any more: {_ENVIRONMENT} (TransformReward)"),
    "compress_observations": Refused("replay keeps observations as they are; leave it out"),
    "count_steps_by": Refused(
        "schedules, evaluation and most algorithms count env steps; give train_batch_size in env steps "
        "(agent steps divided by the number of agents that act) and leave it out",
        (None, "env_steps"),
    ),
    "custom_async_evaluation_function": Refused("use custom_evaluation_function"),
    "env_task_fn": Refused("use `callbacks` that set the task in on_train_result", (None,)),
    "env_to_module_connector": Refused(IN_PYTHON, _CLASSES),
    "export_native_model_files": Refused("use `rllib export`, or the module in the checkpoint"),
    "extra_python_environs_for_driver": Refused("set variables in the shell, or `--runtime-env`", (None, {})),
    "extra_python_environs_for_worker": Refused("set variables in the shell, or `--runtime-env`", (None, {})),
    "fake_sampler": Refused("leave it out"),
    "horizon": Refused(
        "horizon is gone from RLlib: give the environment a time limit, such as max_episode_steps or "
        "episode_limit in env_config"
    ),
    "in_evaluation": Refused("RLlib sets it itself"),
    "input_config": Refused(_OFFLINE, (None, {})),
    "input_evaluation": Refused(
        "use offline_evaluation_interval and offline_evaluation_type", (None, False, [])
    ),
    "input_spaces_jsonable": Refused("spaces are read as the data has them; leave it out", (None, True)),
    "keep_per_episode_custom_metrics": Refused("log with metrics_logger in `callbacks`, reduce=None"),
    "learner_class": Refused(IN_PYTHON, _CLASSES),
    "learner_connector": Refused(IN_PYTHON, _CLASSES),
    "learning_starts": Refused("use num_steps_sampled_before_learning_starts", ()),
    "logger_config": Refused("use Tune's loggers (`--wandb-project`, `--mlflow-uri`)", (None, {})),
    "logger_creator": Refused("use Tune's loggers (`--wandb-project`, `--mlflow-uri`)", (None,)),
    "module_to_env_connector": Refused(IN_PYTHON, _CLASSES),
    "monitor": Refused("use `rllib evaluate --render`"),
    "no_done_at_end": Refused("let the environment truncate its episodes"),
    "observation_fn": Refused(
        "use an env-to-module connector, or share observations in the environment", (None,)
    ),
    "off_policy_estimation_methods": Refused(
        "use offline_evaluation_interval and offline_evaluation_type", (None, {}, [])
    ),
    "offline_sampling": Refused("leave it out; `input` says whether data is read"),
    "optimizer": Refused(OTHER_OPTIMIZER, (None, {})),
    "output_config": Refused("use output_write_method_kwargs", (None, {})),
    "output_max_file_size": Refused("use output_max_rows_per_file", (None, 64 * 2**20)),
    "policy_states_are_swappable": Refused("all policies stay in memory; leave it out"),
    "prelearner_module_synch_period": Refused("RLlib reads it nowhere; leave it out", (None, 10)),
    "prioritized_replay": Refused("use replay_buffer_config: {type: PrioritizedEpisodeReplayBuffer}", ()),
    "prioritized_replay_alpha": Refused("use replay_buffer_config: {alpha: …}", ()),
    "prioritized_replay_beta": Refused("use replay_buffer_config: {beta: …}", ()),
    "prioritized_replay_eps": Refused("priorities have a fixed ε; leave it out", (None, 1e-6)),
    "record_env": Refused("use `rllib evaluate --render`"),
    "remote_env_batch_wait_ms": Refused("use gym_env_vectorize_mode: async", (None, False, 0)),
    "remote_worker_envs": Refused("use gym_env_vectorize_mode: async"),
    "render_env": Refused("use `rllib evaluate --render`"),
    "replay_batch_size": Refused("use train_batch_size"),
    "replay_mode": Refused(
        "modules are trained on episodes of their own; leave it out", (None, "independent")
    ),
    "replay_sequence_length": Refused("use max_seq_len in `model`", (None, 1, -1)),
    "rl_module_spec": Refused(IN_PYTHON, _CLASSES),
    "sample_async": Refused("use IMPALA or APPO, which sample while they learn"),
    "sample_collector": Refused("env runners build episodes; use connectors to change batches", (None,)),
    "shuffle_buffer_size": Refused(
        "use iter_batches_kwargs: {local_shuffle_buffer_size: …}", (None, False, 0)
    ),
    "soft_horizon": Refused("give the environment a time limit"),
    "worker_cls": Refused("use env_runner_cls", (None,)),
    **all_of(
        "on_algorithm_init on_checkpoint_loaded on_env_runners_recreated on_environment_created on_episode_created "
        "on_episode_end on_episode_start on_episode_step on_evaluate_end on_evaluate_start on_sample_end "
        "on_train_result",
        Refused("use `callbacks`, the path of a class", _CLASSES),
    ),
}
FATES: dict[str, Fate] = {
    **all_of(_KEPT, Kept()),
    **{name: Renamed(new) for name, new in _RENAMED.items()},
    **all_of(_TRANSLATED, Translated()),
    **{name: Dropped(reason) for name, reason in _DROPPED.items()},
    **_REFUSED,
}
