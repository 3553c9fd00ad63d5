"""Small settings that several tests train, and what they compare."""

import numpy as np

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config

VALUE_BASED = [name for name in ALGORITHMS if isinstance(get_algorithm_config(name), QMIXConfig)]
UNLIKE_QMIX = ["Qatten", "QPLEX", "QTRAN", "IQL"]  # value-based, with other joint values
OTHERS = [name for name in ALGORITHMS if name not in VALUE_BASED]

TINY = {"grid_height": 4, "grid_width": 4, "num_predators": 3, "num_prey": 2, "episode_limit": 10}


def tiny(algorithm="ReMIX", *, seed=0, **training):
    """Predator-Prey that plays and learns in milliseconds.

    Where the numbers do not matter, `seed=None` starts remote env runners in half the time: a seeded process makes
    PyTorch deterministic, which loads its compiler.
    """
    settings = {"train_batch_episodes": 8, "replay_buffer_capacity": 40, "target_network_update_episodes": 16}
    settings |= {"epsilon": [[0, 1.0], [2000, 0.1]], "rollout_episodes_per_update": 4}
    config = get_algorithm_config(algorithm)
    return (
        config.environment("predator_prey", env_config=dict(TINY))
        .env_runners(num_envs_per_env_runner=4)
        .training(**(known_to(config, settings) | training))
        .reporting(min_sample_timesteps_per_iteration=100)
        .debugging(seed=seed)
    )


def known_to(config, settings):
    """Those of the settings that an algorithm has."""
    return {name: value for name, value in settings.items() if name in vars(config)}


def one_shot(algorithm, env="matrix_game", *, seed=0, steps=400, lr=2e-3, **training):
    """A matrix game, explored in full and then played greedily, in one iteration of about 200 updates."""
    return (
        get_algorithm_config(algorithm)
        .environment(env)
        .training(train_batch_episodes=32, epsilon=1.0, lr=lr, **training)
        .reporting(min_sample_timesteps_per_iteration=steps)
        .evaluation(evaluation_interval=1, evaluation_duration=8)
        .debugging(seed=seed)
    )


def weights(algorithm):
    """All networks, targets included, as one flat dict of arrays."""
    return algorithm.learner_group.get_state()["learner"]["rl_module"]["default_policy"]


def equal(one, other):
    """Whether two flat dicts of arrays are equal to the bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
