"""What became of the settings that single algorithms had."""

from __future__ import annotations

from rllib_remix.experiments.old.fates import (
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

TEAM = "team"  # the algorithms of this package, which read files of RLlib's QMIX
_EXPLORATION = "use `epsilon`, a number or a schedule [[0, start], [env steps, end]]"
_NO_REPLAY = "it learns from a data set; nothing is replayed"


_REPLAY: dict[str, Fate] = {
    **all_of(
        "n_step num_steps_sampled_before_learning_starts target_network_update_freq tau training_intensity",
        Kept(),
    ),
    **all_of(
        "replay_buffer_config buffer_size learning_starts prioritized_replay prioritized_replay_alpha "
        "prioritized_replay_beta prioritized_replay_eps replay_sequence_length replay_mode",
        Translated(),
    ),
    "store_buffer_in_checkpoints": Refused(
        "RLlib's new API stack does not save what is replayed; leave it out"
    ),
    "final_prioritized_replay_beta": Refused(
        "β is constant now; use replay_buffer_config: {beta: …}", (None,)
    ),
    "prioritized_replay_beta_annealing_timesteps": Refused(
        "β is constant now; use replay_buffer_config: {beta: …}", (None,)
    ),
    "before_learn_on_batch": Refused("use a learner connector in a Python module", (None,)),
}
_ACTOR_CRITIC: dict[str, Fate] = {
    **all_of("clip_param kl_coeff kl_target use_kl_loss vf_loss_coeff entropy_coeff", Kept()),
    "vf_share_layers": Translated(),
}
_IMPALA: dict[str, Fate] = {
    **_ACTOR_CRITIC,
    **all_of(
        "broadcast_interval learner_queue_size num_gpu_loader_threads timeout_s_sampler_manager "
        "vtrace_clip_pg_rho_threshold vtrace_clip_rho_threshold",
        Kept(),
    ),
    "_lr_vf": Dropped("it was for _separate_vf_optimizer"),
    "_minibatch_size": Refused("use minibatch_size", (None, "auto")),
    "_separate_vf_optimizer": Refused(OTHER_OPTIMIZER),
    "after_train_step": Refused("use `callbacks`, on_train_result", (None,)),
    "decay": Dropped("it was RMSProp's"),
    "epsilon": Dropped("it was RMSProp's"),
    "learner_queue_timeout": Dropped("learners wait for batches as long as it takes"),
    "minibatch_buffer_size": Refused("use num_epochs", (None, 1)),
    "momentum": Dropped("it was RMSProp's"),
    "num_data_loader_buffers": Dropped("learners load their batches themselves"),
    "num_multi_gpu_tower_stacks": Dropped("learners load their batches themselves"),
    "opt_type": Refused(f"Adam is what learners use; {OTHER_OPTIMIZER}", (None, "adam")),
    "replay_buffer_num_slots": Dropped("it was for replay_proportion"),
    "replay_proportion": Refused("the new API stack replays nothing here; leave it at 0", (None, 0)),
    "replay_ratio": Refused("the new API stack replays nothing here; leave it at 0", (None, 0)),
    "timeout_s_aggregator_manager": Dropped("it changed waiting alone"),
    "vtrace": Refused("v-trace is always used; leave it at true", (None, True)),
    "vtrace_drop_last_ts": Dropped("v-trace uses all steps"),
}
_OFFLINE_FATES: dict[str, Fate] = {
    **all_of("buffer_size replay_buffer_config replay_buffer_size learning_starts", Dropped(_NO_REPLAY)),
    "use_gae": Refused("advantages are always estimated with GAE; leave it at true", (None, True)),
}
# Of the algorithms that Ray still has, and of ours (TEAM): what differs from FATES.
FATES_BY_ALGORITHM: dict[str, dict[str, Fate]] = {
    "PPO": {
        **_ACTOR_CRITIC,
        **all_of("lambda use_critic vf_clip_param", Kept()),
        "use_gae": Refused("advantages are always estimated with GAE; leave it at true", (None, True)),
    },
    "IMPALA": _IMPALA,
    "APPO": {
        **_IMPALA,
        **all_of(
            "circular_buffer_iterations_per_batch circular_buffer_num_batches target_network_update_freq tau",
            Kept(),
        ),
        "lambda": Dropped("v-trace does not use it"),
        "learner_queue_size": Refused("use circular_buffer_num_batches", (None, 16)),
        "minibatch_buffer_size": Refused(
            "use circular_buffer_num_batches and circular_buffer_iterations_per_batch", (None, 1)
        ),
        "target_worker_clipping": Refused("v-trace replaces it; leave it out", (None, 2.0)),
        "use_critic": Refused("the value function is always there; leave it at true", (None, True)),
        "use_gae": Dropped("v-trace does not use it"),
    },
    "DQN": {
        **_REPLAY,
        **all_of("burn_in_len double_q dueling epsilon num_atoms td_error_loss_fn v_max v_min", Kept()),
        "adam_epsilon": Refused(OTHER_OPTIMIZER, (None, 1e-8)),
        "categorical_distribution_temperature": Refused(
            "actions are greedy or random; use epsilon", (None, 1.0)
        ),
        "exploration_final_eps": Refused(_EXPLORATION, (None,)),
        "exploration_fraction": Refused(_EXPLORATION, (None,)),
        "hiddens": Translated(),
        "noisy": Refused("the new API stack has no noisy layers; use epsilon"),
        "parameter_noise": Refused("exploration is part of the RLModule; use epsilon"),
        "schedule_max_timesteps": Refused(_EXPLORATION, (None,)),
        "sigma0": Dropped("it was for noisy layers"),
        "soft_q": Refused("exploration is part of the RLModule; use epsilon"),
    },
    "SAC": {
        **_REPLAY,
        **all_of("actor_lr alpha_lr critic_lr initial_alpha target_entropy twin_q", Kept()),
        **all_of(
            "optimization optimization_config Q_model q_model_config policy_model policy_model_config",
            Translated(),
        ),
        "_deterministic_loss": Refused("leave it out"),
        "_use_beta_distribution": Refused("actions are squashed Gaussian; leave it out"),
        "lr_schedule": Refused("use actor_lr, critic_lr and alpha_lr, each a number or a schedule", (None,)),
        "use_state_preprocessor": Refused("use `model`, which makes the encoder"),
    },
    "MARWIL": {
        **_OFFLINE_FATES,
        **all_of(
            "bc_logstd_coeff beta lambda moving_average_sqd_adv_norm_start "
            "moving_average_sqd_adv_norm_update_rate vf_coeff",
            Kept(),
        ),
    },
    "DreamerV3": {
        **all_of(
            "actor_grad_clip_by_global_norm actor_lr batch_length_T batch_size_B critic_grad_clip_by_global_norm "
            "critic_lr entropy_scale gae_lambda horizon_H model_size report_dream_data report_images_and_videos "
            "report_individual_batch_item_stats return_normalization_decay symlog_obs train_actor train_critic "
            "training_ratio use_curiosity use_float16 world_model_grad_clip_by_global_norm world_model_lr",
            Kept(),
        ),
        "replay_buffer_config": Translated(),
        "gc_frequency_train_steps": Dropped(TENSORFLOW),
        "intrinsic_rewards_scale": Dropped("it was for curiosity, which is not there yet"),
        "model": Refused("use model_size, from XS to XL", (None, {})),
    },
    TEAM: {
        "adam_epsilon": Refused(OTHER_OPTIMIZER, (None, 1e-8)),
        "buffer_size": Refused("use `replay_buffer_capacity`, in episodes", ()),
        "burn_in_len": Refused("use max_seq_len and burn_in of training()", (None, 0)),
        "double_q": Refused("targets are always double-Q; leave it at true", (None, True)),
        "learning_starts": Refused(
            "updates start once replay holds `train_batch_episodes`; leave it out", ()
        ),
        "mixing_embed_dim": Renamed("mixer_embed_dim"),
        "n_step": Refused("use `td_lambda`, the λ of the returns", (None, 1)),
        "num_steps_sampled_before_learning_starts": Refused(
            "updates start once replay holds `train_batch_episodes`; leave it out", ()
        ),
        "optim_alpha": Refused(
            f"it was RMSProp's, and Adam is what learns now; {OTHER_OPTIMIZER}", (None, 0.99)
        ),
        "optim_eps": Refused(
            f"it was RMSProp's, and Adam is what learns now; {OTHER_OPTIMIZER}", (None, 1e-5)
        ),
        "prioritized_replay": Refused("use `replay_buffer` and `weighting_mode`", (None, False)),
        "prioritized_replay_alpha": Kept(),
        "prioritized_replay_beta": Kept(),
        "prioritized_replay_eps": Renamed("prioritized_replay_epsilon"),
        "replay_buffer_config": Refused(
            "use `replay_buffer` and `replay_buffer_capacity`, in episodes", (None, {})
        ),
        "rollout_fragment_length": Refused(
            "it counts env steps between two updates, and whole episodes are always sampled: use "
            "`rollout_episodes_per_update`, in episodes",
            (None,),
        ),
        "store_buffer_in_checkpoints": Dropped("checkpoints always hold what is replayed"),
        "target_network_update_freq": Refused(
            "it counts env steps: use `target_network_update_interval`, in updates", ()
        ),
        "tau": Kept(),
        "train_batch_size": Refused(
            "it counts env steps: use `train_batch_episodes`, the env steps divided by those of an episode",
            (None,),
        ),
        "training_intensity": Refused("use `rollout_episodes_per_update`", (None,)),
        **all_of("mixer", Kept()),
    },
}
FATES_BY_ALGORITHM["CQL"] = {
    **FATES_BY_ALGORITHM["SAC"],
    **_OFFLINE_FATES,
    **all_of("bc_iters deterministic_backup min_q_weight num_actions temperature", Kept()),
    **all_of(
        "num_steps_sampled_before_learning_starts prioritized_replay prioritized_replay_alpha "
        "prioritized_replay_beta prioritized_replay_eps store_buffer_in_checkpoints",
        Dropped(_NO_REPLAY),
    ),
    "lagrangian": Refused("use min_q_weight, which is fixed"),
    "lagrangian_thresh": Dropped("it was for `lagrangian`"),
    "timesteps_per_iteration": Renamed("min_train_timesteps_per_iteration"),
}
FATES_BY_ALGORITHM["BC"] = FATES_BY_ALGORITHM["MARWIL"]
