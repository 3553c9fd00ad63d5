"""Files of RLlib's old API stack run as they are; what has no successor is refused with what to use."""

import pytest

from rllib_remix.cli.errors import UserError
from rllib_remix.cli.experiment_files import read_experiments
from rllib_remix.cli.experiments import check_experiment
from rllib_remix.cli.old_settings import translate_result_key

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
