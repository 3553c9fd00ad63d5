"""COMA and DOP: their settings, and what their critics and MAPPO's share: images, sizes, memory."""

import numpy as np
import pytest

from rllib_remix.actor_critic.settings import coma as coma_settings
from rllib_remix.actor_critic.settings import dop as dop_settings
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.models.sizes import check_critics_state
from rllib_remix.team.batch_memory import bytes_seen_of_episode
from rllib_remix.team.settings.loop import copy_interval, copy_tau
from tests.team.pictures import LIMIT, Pictures

SHARED = {
    "preset": None,
    "agent_hidden_dim": 64,
    "zero_initial_values": True,
    "observe_last_action": True,
    "observe_agent_id": True,
    "share_parameters": True,
    "encoder": "auto",
    "observe_time": False,
    "normalize_observations": None,
    "entropy_coefficient": 0.01,
    "actions_in_evaluation": "greedy",
    "td_lambda": 0.8,
    "time_limit": "truncation",
    "truncated_value": "previous",
    "optimizer_kind": "adam",
    "target_network_update_interval": None,
    "target_network_update_episodes": None,
    "tau": None,
    "reward_scale": 1.0,
    "normalize_rewards": True,
    "standardize_rewards": False,
    "epsilon": 0.0,
    "num_env_processes": 0,
    "skip_removed_agents": True,
    "compute_dtype": "float32",
    "num_torch_threads": 1,
    "num_threads_per_learner": 1,
}
OWN = {
    "COMA": {
        "critic_hidden_dim": 128,
        "critic_lr": 3e-3,
        "time_limit": "termination",
        "train_batch_episodes": 8,
    },
    "DOP": {
        "critic_hidden_dim": 256,
        "critic_lr": None,
        "mixer_embed_dim": 32,
        "tree_backup_lambda": 0.93,
        "tree_backup_steps": 5,
        "train_batch_episodes": 48,
        "replay_buffer_capacity": 5000,
        "num_replay_shards": 0,
        "recent_episodes_share": None,
        "recent_episodes_capacity": 32,
        "rollout_episodes_per_update": 4,
        "overlap_sampling": False,
    },
}
PAPERS = {"COMA": coma_settings.PAPERS, "DOP": dop_settings.PAPERS}


def config_of(algorithm, **settings):
    return get_algorithm_config(algorithm).environment("matrix_game").training(**settings)


@pytest.mark.parametrize("algorithm", OWN)
def test_they_have_these_settings_with_these_defaults_and_no_others(algorithm):
    config = config_of(algorithm)
    values = {entry.name: getattr(config, entry.name) for entry in config.own_settings()}
    assert values == SHARED | OWN[algorithm]
    assert (config.lr, config.gamma, config.grad_clip) == (1e-3, 0.99, 10.0)
    config.validate()


@pytest.mark.parametrize("algorithm", OWN)
def test_papers_are_the_settings_of_the_reference(algorithm):
    config = config_of(algorithm, preset="papers")
    assert {name: getattr(config, name) for name in PAPERS[algorithm]} == dict(PAPERS[algorithm])
    assert (config.lr, config.optimizer_kind, copy_tau(config)) == (5e-4, "rmsprop", 1.0)
    config.validate()


@pytest.mark.parametrize("algorithm", OWN)
def test_their_targets_follow_softly_and_quickly_unless_copies_are_counted(algorithm):
    assert (copy_tau(config_of(algorithm)), copy_interval(config_of(algorithm))) == (0.1, 1)
    assert copy_tau(config_of(algorithm, target_network_update_interval=5)) == 1.0
    assert copy_tau(config_of(algorithm, tau=0.02)) == 0.02
    assert copy_tau(config_of("QMIX")) == 0.01


@pytest.mark.parametrize(
    ("algorithm", "settings", "message"),
    [
        ("COMA", {"critic_hidden_dim": 0}, "critic_hidden_dim: 0"),
        ("COMA", {"critic_lr": 0}, r"critic_lr: 0 .*\(0, inf\)"),
        ("COMA", {"tau": 1.5}, "tau: 1.5"),
        (
            "DOP",
            {"target_network_update_interval": 3, "target_network_update_episodes": 3},
            "target_network_update_interval: 3 has no effect",
        ),
        ("DOP", {"mixer_embed_dim": 0}, "mixer_embed_dim: 0"),
        ("DOP", {"train_batch_episodes": 6000}, "train_batch_episodes: 6000 is more than"),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_reason(algorithm, settings, message):
    with pytest.raises(SettingError, match=message):
        config_of(algorithm, **settings).validate()


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("COMA", "rollout_episodes_per_update"),
        ("COMA", "replay_buffer_capacity"),
        ("COMA", "mixer_embed_dim"),
        ("COMA", "tree_backup_lambda"),
        ("COMA", "value_loss_weight"),
        ("DOP", "value_loss_weight"),
        ("DOP", "hypernet_hidden_dim"),
        ("DOP", "prioritized_replay_epsilon"),
        ("DOP", "soft_tau"),
    ],
)
def test_settings_that_would_have_no_effect_are_not_there(algorithm, name):
    with pytest.raises(SettingError, match=f"unknown key '{name}'"):
        config_of(algorithm, **{name: 1})


@pytest.mark.parametrize("algorithm", [*OWN, "MAPPO"])
def test_a_state_of_images_that_would_make_an_enormous_critic_is_refused(algorithm):
    networks = config_of(algorithm).networks()
    check_critics_state((12, 4, 3, 100_000), networks)
    with pytest.raises(SettingError, match=r"^critic_hidden_dim: .* state has 2,000,000 numbers"):
        check_critics_state((12, 4, 3, 2_000_000), networks)


@pytest.mark.parametrize("encoder", ["cnn", "mlp"])
def test_the_memory_of_a_batch_counts_what_the_critic_reads(encoder):
    spec = TeamSpec(2, 3, 48, 10, 5, "uint8", "uint8", obs_shape=(4, 4, 3))
    with_critic = config_of("COMA", encoder=encoder).networks()
    without = with_critic | {"central_critic": None}
    more = bytes_seen_of_episode(spec, with_critic) - bytes_seen_of_episode(spec, without)
    assert more == 6 * 2 * 48 * (1 if encoder == "cnn" else 4)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("algorithm", [*OWN, "MAPPO"])
def test_teams_that_see_images_train(build, algorithm, tmp_path):
    config = (
        get_algorithm_config(algorithm)
        .environment(Pictures, env_config={"team_adapter": {"state": "observations", "episode_limit": LIMIT}})
        .training(train_batch_episodes=8, agent_hidden_dim=8, critic_hidden_dim=8)
        .reporting(min_sample_timesteps_per_iteration=40)
        .debugging(seed=0)
    )
    trained = build(config)
    learner = trained.train()["learners"]["default_policy"]
    assert all(np.isfinite(learner[key]) for key in trained.learner_result_keys())
    trained.save_to_path(str(tmp_path / "saved"))
    build(config.copy(copy_frozen=False)).restore_from_path(str(tmp_path / "saved"))
