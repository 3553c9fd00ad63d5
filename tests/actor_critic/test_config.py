"""Settings of actor-critics: what they have, what follows from what, and what is refused."""

import pytest

from rllib_remix.actor_critic.settings.vdac import PAPERS
from rllib_remix.algorithms.vdac import VDACConfig
from rllib_remix.errors import SettingError
from rllib_remix.team.settings.replay import ReplaySettings
from tests.actor_critic.separate_critic import CentralConfig

DEFAULTS = {
    "preset": None,
    "mixer": "qmix",
    "agent_hidden_dim": 64,
    "mixer_embed_dim": 32,
    "hypernet_hidden_dim": 64,
    "zero_initial_values": True,
    "observe_last_action": True,
    "observe_agent_id": True,
    "share_parameters": True,
    "encoder": "auto",
    "observe_time": False,
    "normalize_observations": None,
    "entropy_coefficient": 0.01,
    "actions_in_evaluation": "greedy",
    "value_loss_weight": 0.1,
    "td_lambda": 0.8,
    "time_limit": "termination",
    "truncated_value": "previous",
    "optimizer_kind": "adam",
    "train_batch_episodes": 8,
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


def vdac(**settings):
    return VDACConfig().environment("matrix_game").training(**settings)


def test_vdac_has_these_settings_with_these_defaults_and_no_others():
    config = vdac()
    assert {entry.name: getattr(config, entry.name) for entry in config.own_settings()} == DEFAULTS
    assert (config.lr, config.gamma, config.grad_clip) == (1e-3, 0.99, 10.0)
    config.validate()


@pytest.mark.parametrize("batch", [8, 5])
def test_the_size_of_a_batch_says_all_of_an_on_policy_loop(batch):
    config = vdac(train_batch_episodes=batch)
    assert config.replay_buffer_capacity == config.rollout_episodes_per_update == batch
    assert config.replay_settings() == {"capacity": batch, "recent_capacity": 1, "seed": None}
    assert config.recent_episodes_per_batch() == 0
    config.validate()
    again = VDACConfig().update_from_dict(config.to_dict())
    assert again.replay_buffer_capacity == batch
    again.validate()


def test_papers_are_the_settings_of_pymarl2():
    config = vdac(preset="papers")
    assert {name: getattr(config, name) for name in PAPERS} == dict(PAPERS)
    assert (config.epsilon, config.value_loss_weight) == ([[0, 0.5], [100_000, 0.0]], 0.1)
    config.validate()
    assert vdac(preset="papers", td_lambda=1.0).td_lambda == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mixer": "qmx"}, "mixer: unknown name 'qmx'; did you mean 'qmix'"),
        (
            {"mixer": "vdn", "mixer_embed_dim": 8},
            "mixer_embed_dim: 8 .* no effect with mixer 'vdn', .* at 32",
        ),
        ({"mixer": "vdn", "hypernet_hidden_dim": 8}, "hypernet_hidden_dim: 8 .* no effect with mixer 'vdn'"),
        ({"entropy_coefficient": -0.1}, r"entropy_coefficient: -0.1 .*\[0, inf\)"),
        ({"value_loss_weight": 0}, r"value_loss_weight: 0 .*\(0, inf\)"),
        (
            {"actions_in_evaluation": "drawn"},
            "actions_in_evaluation: unknown name 'drawn'.* Allowed: greedy, sampled",
        ),
        ({"optimizer_kind": "rmsprp"}, "optimizer_kind: unknown name 'rmsprp'; did you mean 'rmsprop'"),
        ({"td_lambda": 1.1}, "td_lambda: 1.1"),
        ({"train_batch_episodes": 0}, "train_batch_episodes: 0"),
        ({"epsilon": 2}, "epsilon: 2"),
        ({"truncated_value": "first"}, "truncated_value: unknown name 'first'"),
        ({"num_epochs": 2}, "num_epochs: 2 is not allowed.* lower `train_batch_episodes`"),
        (
            {"buffer_size": 9},
            "buffer_size: 9 .* no effect here: one batch is kept; use `train_batch_episodes`",
        ),
        ({"learning_starts": 9}, "learning_starts: 9 .*: the first update follows the first batch"),
        ({"shuffle_batch_per_epoch": True}, "shuffle_batch_per_epoch: True .*: every update learns all"),
        ({"rollout_fragment_length": 9}, "rollout_fragment_length: 9 .*use `train_batch_episodes`"),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_reason(settings, message):
    with pytest.raises(SettingError, match=message):
        vdac().update_from_dict(settings).validate()


def test_more_env_runners_than_episodes_in_a_batch_are_refused():
    config = vdac(train_batch_episodes=3)
    config.env_runners(num_env_runners=3).validate()
    with pytest.raises(
        SettingError, match=r"^num_env_runners: 4 is more than the 3 episodes .* allowed: 0 … 3"
    ):
        config.env_runners(num_env_runners=4).validate()


@pytest.mark.parametrize(
    "name",
    [
        "weighting",
        "critic_lr",
        "rollout_episodes_per_update",
        "replay_buffer",
        "replay_buffer_capacity",
        "num_replay_shards",
        "overlap_sampling",
        "recent_episodes_share",
        "target_network_update_episodes",
        "tau",
        "utility_clamp",
        "td_trace",
    ],
)
def test_settings_that_would_have_no_effect_are_not_there(name):
    with pytest.raises(SettingError, match=f"unknown key '{name}'"):
        vdac(**{name: 1})
    with pytest.raises(SettingError, match=f"unknown key '{name}'"):
        VDACConfig().update_from_dict({name: 1})


@pytest.mark.parametrize("name", ["prioritized_replay_alpha", "prioritized_replay_beta"])
def test_those_that_rllib_has_too_are_refused(name):
    config = vdac().update_from_dict({name: 0.5})
    with pytest.raises(
        SettingError, match=f"^{name}: 0.5 .* no effect in VDAC, where batches are drawn unif.* at -1"
    ):
        config.validate()


def test_an_actor_critic_from_replay_has_the_settings_of_replay_but_for_priorities():
    names = {entry.name for entry in CentralConfig.own_settings()}
    assert {"replay_buffer_capacity", "recent_episodes_share", "rollout_episodes_per_update", "tau"} <= names
    assert {"critic_lr", "optimizer_kind", "overlap_sampling", "num_replay_shards"} <= names
    assert not {"replay_buffer", "prioritized_replay_epsilon"} & names
    config = CentralConfig().environment("matrix_game").training(train_batch_episodes=10)
    config.training(recent_episodes_share=0.4, recent_episodes_capacity=7).validate()
    assert config.recent_episodes_per_batch() == 4
    assert config.replay_settings() == {"capacity": 5000, "recent_capacity": 7, "seed": None}
    assert not ReplaySettings.of(config).can_draw_by_priority()
    with pytest.raises(SettingError, match="recent_episodes_capacity: 2 is less than the 4 recent"):
        config.training(recent_episodes_capacity=2).validate()
    with pytest.raises(SettingError, match="critic_lr: 0 is not allowed"):
        config.training(recent_episodes_capacity=7, critic_lr=0).validate()
