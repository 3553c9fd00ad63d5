"""What is trained when nothing is set: a default that changes, changes everybody's results."""

import pytest
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

from rllib_remix.algorithms.table import get_algorithm_config
from tests.algorithms.games import VALUE_BASED

COMMON = {
    "lr": 1e-3,
    "gamma": 0.99,
    "grad_clip": 10.0,
    "grad_clip_by": "global_norm",
    "preset": None,
    "td_lambda": 0.6,
    "td_trace": "watkins",
    "time_limit": "truncation",
    "truncated_value": "previous",
    "limit_targets": True,
    "reward_scale": 1.0,
    "normalize_rewards": True,
    "standardize_rewards": False,
    "q_star_loss_weight": 1.0,
    "target_network_update_interval": None,
    "target_network_update_episodes": None,
    "tau": None,
    "train_batch_episodes": 32,
    "rollout_episodes_per_update": 2,
    "num_env_runners": 0,
    "num_envs_per_env_runner": 8,
    "epsilon": [[0, 0.995], [100_000, 0.05]],
    "explore": True,
    "agent_hidden_dim": 64,
    "mixer_embed_dim": 32,
    "hypernet_hidden_dim": 64,
    "mixer_heads": 4,
    "importance_layers": 2,
    "q_star_hidden_dim": 256,
    "observe_last_action": True,
    "observe_agent_id": True,
    "share_parameters": True,
    "encoder": "auto",
    "observe_time": False,
    "normalize_observations": None,
    "zero_initial_values": True,
    "utility_clamp": None,
    "weighting_mode": "loss",
    "weighting_config": {},
    "weight_histogram_range": (1e-3, 10.0),
    "weight_histogram_bins": 80,
    "replay_buffer": "prioritized",
    "replay_buffer_capacity": 5000,
    "recent_episodes_share": None,
    "recent_episodes_capacity": 200,
    "num_replay_shards": 0,
    "prioritized_replay_alpha": 1.0,
    "prioritized_replay_beta": 0.0,
    "prioritized_replay_epsilon": 1e-6,
    "max_seq_len": None,
    "burn_in": None,
    "overlap_sampling": False,
    "num_env_processes": 0,
    "skip_removed_agents": True,
    "compute_dtype": "float32",
    "num_torch_threads": 1,
    "num_threads_per_learner": 1,
    "sample_timeout_s": 600.0,
    "min_sample_timesteps_per_iteration": 1000,
}
# As pickles, results and --json have them.
ORDER = """
    preset mixer agent_hidden_dim mixer_embed_dim hypernet_hidden_dim mixer_heads importance_layers q_star_hidden_dim
    observe_last_action observe_agent_id share_parameters encoder observe_time normalize_observations zero_initial_values utility_clamp weighting weighting_config weighting_mode
    q_star_loss_weight td_lambda td_trace time_limit truncated_value limit_targets
    weight_histogram_range weight_histogram_bins train_batch_episodes replay_buffer replay_buffer_capacity
    num_replay_shards recent_episodes_share recent_episodes_capacity prioritized_replay_alpha prioritized_replay_beta
    prioritized_replay_epsilon max_seq_len burn_in rollout_episodes_per_update target_network_update_interval
    target_network_update_episodes tau reward_scale normalize_rewards standardize_rewards epsilon overlap_sampling
    num_env_processes
    skip_removed_agents compute_dtype num_torch_threads num_threads_per_learner
"""
# weighting, mixer, whether there is a Q* and whether the weighting needs the mixer's gradient
OWN = {
    "QMIX": ("uniform", "qmix", False, False),
    "VDN": ("uniform", "vdn", False, False),
    "Qatten": ("uniform", "qatten", False, False),
    "QPLEX": ("uniform", "qplex", False, False),
    "QTRAN": ("uniform", None, False, False),
    "IQL": ("uniform", None, False, False),
    "OWQMIX": ("ow", "qmix", True, False),
    "CWQMIX": ("cw", "qmix", True, False),
    "ReMIX": ("remix", "qmix", True, True),
    "MACPO": ("macpo", "qmix", True, False),
    "MACPOApprox": ("macpo_approx", "qmix", True, False),
    "DisCorQMIX": ("discor", "qmix", True, False),
    "ReMERNQMIX": ("remern", "qmix", True, False),
    "PERQMIX": ("per", "qmix", True, False),
    "PSERQMIX": ("pser", "qmix", True, False),
}
# Settings that an algorithm alone has, or has another default of; and before which setting the first of them stands.
OTHERS = {
    "IQL": {"skip_removed_agents": False},
    "QTRAN": {"q_jt_hidden_dim": 64, "opt_loss_weight": 1.0, "nopt_loss_weight": 0.1},
}
BEFORE = {"QTRAN": "train_batch_episodes"}


def order_of(algorithm):
    order = ORDER.split()
    own = [name for name in OTHERS.get(algorithm, {}) if name not in order]
    place = order.index(BEFORE[algorithm]) if own else 0
    return [*order[:place], *own, *order[place:]]


@pytest.mark.parametrize("algorithm", VALUE_BASED)
def test_every_value_based_algorithm_has_its_defaults(algorithm):
    config, expected = get_algorithm_config(algorithm), COMMON | OTHERS.get(algorithm, {})
    assert {name: getattr(config, name) for name in expected} == expected
    weighting, mixer, use_q_star, use_mixer_gradient = OWN[algorithm]
    networks = config.networks()
    assert (config.weighting, networks["mixer"]) == (weighting, mixer)
    assert networks["use_mixer_gradient"] is use_mixer_gradient
    assert networks["use_q_star"] is use_q_star


def test_the_default_of_every_setting_is_tested():
    assert set(ORDER.split()) - COMMON.keys() == {"mixer", "weighting"}  # which are in OWN


@pytest.mark.parametrize("algorithm", VALUE_BASED)
def test_the_settings_keep_their_order(algorithm):
    config, order = get_algorithm_config(algorithm), order_of(algorithm)
    assert [setting.name for setting in config.own_settings()] == order
    new = set(order) - vars(AlgorithmConfig()).keys()  # RLlib has attributes of the names of some
    assert [name for name in vars(config) if name in new] == [name for name in order if name in new]


def test_a_quarter_of_remixs_batch_and_of_no_others_is_recent():
    recent = {name: get_algorithm_config(name).recent_episodes_per_batch() for name in VALUE_BASED}
    assert recent == dict.fromkeys(VALUE_BASED, 0) | {"ReMIX": 8}
