"""Files of RLlib's old API stack run as they are; what has no successor is refused with what to use."""

import pytest

from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.checking import check_experiment
from rllib_remix.experiments.old.result_keys import translate_result_key
from rllib_remix.experiments.reading.files import read_experiments

PPO = """
cartpole-ppo:
    env: CartPole-v1
    run: PPO
    stop:
        sampler_results/episode_reward_mean: 150
        timesteps_total: 100000
    checkpoint_freq: 5
    checkpoint_at_end: true
    keep_checkpoints_num: 2
    checkpoint_score_attr: min-episode_reward_mean
    local_dir: {folder}
    max_failures: 3
    resources_per_trial: {{cpu: 2}}
    pass_criteria: {{episode_reward_mean: 150}}
    config:
        framework: torch
        num_workers: 1
        num_envs_per_worker: 2
        sgd_minibatch_size: 64
        num_sgd_iter: 6
        vf_loss_coeff: 0.01
        model:
            fcnet_hiddens: [32]
            vf_share_layers: true
"""
DQN = """
cartpole-dqn:
    env: CartPole-v1
    run: DQN
    stop: {episode_reward_mean: 150}
    config:
        exploration_config: {type: EpsilonGreedy, final_epsilon: 0.1, epsilon_timesteps: 5000}
        replay_buffer_config: {type: MultiAgentPrioritizedReplayBuffer, capacity: 5000}
        simple_optimizer: true
        n_step: 3
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "old.yaml").write_text(text)
        (experiment,) = read_experiments(tmp_path / "old.yaml")
        experiment.storage_path = str(tmp_path)
        return experiment

    return read


def test_an_old_file_of_ppo_is_read(read, tmp_path):
    experiment = read(PPO.format(folder=tmp_path))
    assert experiment.stop == {
        "env_runners/episode_return_mean": 150,
        "num_env_steps_sampled_lifetime": 100_000,
    }
    checkpoints = experiment.checkpoints
    assert (checkpoints.frequency, checkpoints.at_end, checkpoints.num_to_keep) == (5, True, 2)
    assert (checkpoints.score_attribute, checkpoints.score_order) == (
        "env_runners/episode_return_mean",
        "min",
    )
    assert experiment.max_failures == 3
    # The main process and one env runner are the two CPUs that were asked for.
    check_experiment(experiment, num_cpus=2)
    assert experiment.config == {
        "env": "CartPole-v1",
        "num_env_runners": 1,
        "num_envs_per_env_runner": 2,
        "minibatch_size": 64,
        "num_epochs": 6,
        "vf_loss_coeff": 0.01,
        "_model_config": {"fcnet_hiddens": [32], "vf_share_layers": True},
        "num_cpus_for_main_process": 1,
    }
    notes = "\n".join(experiment.notes)
    assert "num_workers is read as num_env_runners" in notes
    assert "local_dir is read as storage_path" in notes
    assert "stop at timesteps_total is read as num_env_steps_sampled_lifetime" in notes


def test_an_old_file_of_dqn_is_read(read):
    experiment = read(DQN)
    check_experiment(experiment)
    assert experiment.config == {
        "env": "CartPole-v1",
        "epsilon": [[0, 1.0], [5000, 0.1]],
        "replay_buffer_config": {"type": "PrioritizedEpisodeReplayBuffer", "capacity": 5000},
        "n_step": 3,
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("episode_reward_mean", "env_runners/episode_return_mean"),
        ("env_runners/episode_reward_mean", "env_runners/episode_return_mean"),
        ("evaluation/episode_reward_mean", "evaluation/env_runners/episode_return_mean"),
        ("evaluation/sampler_results/episode_reward_mean", "evaluation/env_runners/episode_return_mean"),
        ("timesteps_total", "num_env_steps_sampled_lifetime"),
        ("info/num_env_steps_sampled", "num_env_steps_sampled_lifetime"),
        ("env_runners/episode_return_mean", "env_runners/episode_return_mean"),
        ("num_env_steps_sampled_lifetime", "num_env_steps_sampled_lifetime"),
        ("training_iteration", "training_iteration"),
        ("time_total_s", "time_total_s"),
    ],
)
def test_old_result_keys_have_a_name_of_now(old, new):
    assert translate_result_key(old) == new


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("config: {framework: tf}", "runs on PyTorch only; use torch"),
        ("config: {horizon: 200}", "horizon is gone from RLlib"),
        ("config: {exploration_config: {type: Curiosity}}", "exploration is part of the RLModule"),
        ("config: {_enable_new_api_stack: false}", "only RLlib's new API stack"),
        ("config: {num_workers: 1, num_env_runners: 1}", "give one"),
        ("local_dir: x\n  storage_path: y", "local_dir is the old name of storage_path"),
        ("checkpoint_freq: 1\n  checkpoint_config: {checkpoint_frequency: 2}", "give one"),
        ("checkpoint_score_attr: min-los", "unknown result key 'los'"),
        ("resources_per_trial: {extra_gpu: 1}", "give all that a trial needs as gpu"),
    ],
)
def test_what_has_no_successor_is_refused_with_what_to_use(read, lines, message):
    with pytest.raises(UserError) as error:
        read(f"old:\n  run: PPO\n  env: CartPole-v1\n  {lines}\n")
    assert message in str(error.value)


def test_a_python_module_of_the_old_stack_is_refused(refused, tmp_path):
    (tmp_path / "old.py").write_text(
        "from ray.rllib.algorithms.ppo import PPOConfig\n"
        "config = PPOConfig().environment('CartPole-v1').api_stack(\n"
        "    enable_rl_module_and_learner=False, enable_env_runner_and_connector_v2=False)\n"
    )
    assert "only RLlib's new API stack is run here" in refused("train", "file", "old.py")


# As RLlib's own tuned files had them, up to Ray 2.9: they run, or one sentence says why not.
OWN_FILES = {
    "cartpole-ppo": "{env: CartPole-v1, run: PPO, config: {framework: torch, num_workers: 1, num_sgd_iter: 6, observation_filter: MeanStdFilter, model: {fcnet_hiddens: [32], fcnet_activation: linear, vf_share_layers: true}, enable_connectors: true, _enable_learner_api: true, exploration_config: {}}}",
    "pendulum-ppo": "{env: Pendulum-v1, run: PPO, config: {train_batch_size: 512, num_workers: 0, num_envs_per_worker: 20, lambda: 0.1, sgd_minibatch_size: 64, observation_filter: MeanStdFilter}}",
    "repeat-ppo-lstm": "{env: ray.rllib.examples.env.repeat_after_me_env.RepeatAfterMeEnv, run: PPO, config: {env_config: {config: {repeat_delay: 2}}, num_workers: 0, model: {use_lstm: true, lstm_cell_size: 64, max_seq_len: 20}}}",
    "cartpole-dqn": "{env: CartPole-v1, run: DQN, config: {n_step: 3, rollout_fragment_length: 4, exploration_config: {epsilon_timesteps: 10000, final_epsilon: 0.01}, replay_buffer_config: {type: MultiAgentReplayBuffer, capacity: 50000, min_size_for_sampling: 1000}, hiddens: [64]}}",
    "pendulum-sac": "{env: Pendulum-v1, run: SAC, config: {q_model_config: {fcnet_activation: relu, fcnet_hiddens: [256, 256]}, policy_model_config: {fcnet_activation: relu, fcnet_hiddens: [256, 256]}, n_step: 3, rollout_fragment_length: 1, no_done_at_end: false, soft_horizon: false, optimization: {actor_learning_rate: 0.0003, critic_learning_rate: 0.0003, entropy_learning_rate: 0.0003}, metrics_smoothing_episodes: 5}}",
    "multi-agent-impala": '{env: ray.rllib.examples.env.multi_agent.MultiAgentCartPole, run: IMPALA, config: {env_config: {config: {num_agents: 4}}, num_gpus: 0, observation_filter: MeanStdFilter, num_sgd_iter: 1, replay_ratio: 0.0, multiagent: {policies: ["p0", "p1", "p2", "p3"], policy_mapping_fn: {type: ray.rllib.examples.multi_agent_and_self_play.policy_mapping_fn.PolicyMappingFn}}}}',
    "cartpole-appo": "{env: CartPole-v1, run: APPO, config: {num_envs_per_worker: 5, num_workers: 1, vtrace: true, lambda: 0.95, lr_schedule: [[0, 0.0005], [150000, 0.000001]], max_sample_requests_in_flight_per_worker: 1, num_multi_gpu_tower_stacks: 1}}",
    "cartpole-marwil": "{env: CartPole-v1, run: MARWIL, config: {beta: 1.0, input: /data/out, dataset_num_iters_per_learner: 1, evaluation_interval: 1, evaluation_config: {input: sampler}}}",
    "pendulum-cql": "{env: Pendulum-v1, run: CQL, config: {input: /data/out, dataset_num_iters_per_learner: 1, bc_iters: 100, twin_q: true, replay_buffer_config: {type: MultiAgentReplayBuffer, min_size_for_sampling: 0}, evaluation_interval: 1, evaluation_config: {input: sampler, explore: false}}}",
    "cartpole-dreamer": "{env: CartPole-v1, run: DreamerV3, config: {model_size: XS, training_ratio: 1024, num_gpus: 0}}",
    "two-step-qmix": "{env: ray.rllib.examples.env.two_step_game.TwoStepGameWithGroupedAgents, run: QMIX, config: {env_config: {env_config: {separate_state_space: true, one_hot_state_encoding: true}}, exploration_config: {final_epsilon: 0.0}, num_workers: 2, mixer: vdn, train_batch_episodes: 16}}",
}  # fmt: skip
REFUSED_FILES = {
    "{env: CartPole-v1, run: PPO, config: {framework: tf}}": "framework: 'tf' cannot be taken over",
    "{env: CartPole-v1, run: A3C, config: {num_workers: 1}}": "A3C is gone from RLlib; use PPO or IMPALA",
    "{env: ALE/Pong-v5, run: PPO, config: {clip_rewards: true, model: {dim: 42}}}": "wrap_atari_for_new_api_stack",
    "{env: CartPole-v1, run: APPO, config: {vtrace: false}}": "vtrace: False cannot be taken over",
    "{env: CartPole-v1, run: DQN, config: {noisy: true, adam_epsilon: 0.00015}}": "noisy: True cannot be taken over",
    "{env: CartPole-v1, run: PPO, config: {num_gpus: 2, _fake_gpus: true}}": "_fake_gpus: True cannot be taken over",
    "{env: CartPole-v1, run: BC, config: {input: dataset, input_config: {format: json}}}": "input: 'dataset' cannot",
    "{env: CartPole-v1, run: MARWIL, config: {input: /data/out, evaluation_interval: 1}}": "`dataset_num_iters_per_learner`",
    "{env: ray.rllib.examples.env.two_step_game.TwoStepGame, run: QMIX, config: {rollout_fragment_length: 4, "
    "train_batch_size: 32}}": "use `train_batch_episodes`",
}


@pytest.mark.parametrize("name", OWN_FILES)
def test_rllibs_own_files_are_taken(read, name):
    check_experiment(read(f"{name}: {OWN_FILES[name]}"))


@pytest.mark.parametrize("text", REFUSED_FILES)
def test_files_that_ask_for_what_is_gone_are_refused_in_one_sentence(read, text):
    with pytest.raises((UserError, SettingError)) as error:
        check_experiment(read(f"old: {text}"))
    assert REFUSED_FILES[text] in str(error.value)
    assert "\n" not in str(error.value)


def test_all_that_cannot_be_taken_over_is_told_at_once(read):
    with pytest.raises(UserError) as error:
        read(
            "old: {env: CartPole-v1, run: PPO, config: {horizon: 9, clip_rewards: true, model: {custom_model: x}}}"
        )
    for name in ("experiment 'old'", "horizon: 9", "clip_rewards: True", "model.custom_model: 'x'"):
        assert name in str(error.value)
