"""A small learner without Ray, its parameters, and batches for it."""

from __future__ import annotations

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, NUM_EPISODES_LIFETIME

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.rollout.spaces import team_spaces
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.results.updates import pop_reports
from rllib_remix.team.rewards import Rewards
from tests.algorithms.games import known_to

AGENTS, ACTIONS, OBS_DIM, STATE_DIM, STEPS = 3, 4, 2, 2, 5
SPEC = TeamSpec(AGENTS, ACTIONS, OBS_DIM, STATE_DIM, STEPS, "float32", "float32")
# Networks read what a batch holds, and targets stay, unless a test says otherwise.
PLAIN = {"normalize_observations": False, "target_network_update_interval": 200}
SMALL = {
    "agent_hidden_dim": 2,
    "mixer_embed_dim": 2,
    "hypernet_hidden_dim": 3,
    "q_star_hidden_dim": 3,
    "mixer_heads": 2,
    "critic_hidden_dim": 3,
}
OWN = {"QTRAN": {"q_jt_hidden_dim": 3}}

# Utilities so far apart that some actions are nearly sure, and joint values of the size of the targets.
SCALES = {"bias": 0.3, "agent.head": 2.0, "mixer": 0.6, "q_star.": 1.0, "": 0.7}

# Terminated and cut off, as long as the longest and shorter, and one of a single step.
LENGTHS = np.array([5, 3, 1, 4, 5, 2])
TERMINATED = np.array([True, False, False, True, False, True])


def team_learner(algorithm, **training):
    """The algorithm's own learner, with networks as random as the targets, and unlike them."""
    config = get_algorithm_config(algorithm)
    config.update_from_dict(known_to(config, SMALL | PLAIN) | OWN.get(algorithm, {}) | training)
    observation_space, action_space = team_spaces(SPEC)
    spaces = {DEFAULT_MODULE_ID: (observation_space, action_space)}
    learner = config.learner_class(config=config, module_spec=config.get_rl_module_spec(spaces=spaces))
    learner.build()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, parameter in module_of(learner).named_parameters():
            scale = next(scale for part, scale in SCALES.items() if part in name)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return learner


def module_of(learner):
    return learner.module[DEFAULT_MODULE_ID].unwrapped()


def parameters(learner):
    """Online and target networks: name → float32 array."""
    return {name: array.detach().numpy().copy() for name, array in module_of(learner).named_parameters()}


def gradients(learner):
    """What the optimizer stepped by, of the online networks: name → float32 array."""
    named = module_of(learner).named_parameters()
    return {name: parameter.grad.numpy().copy() for name, parameter in named if parameter.grad is not None}


def a_batch(seed=0):
    """What the replay buffer gives: name → array; on padding, what must not be read."""
    random = np.random.default_rng(seed)
    episodes = len(LENGTHS)
    avail = random.random((episodes, STEPS + 1, AGENTS, ACTIONS)) < 0.6
    avail[..., 1] |= ~avail.any(-1)
    lives = np.repeat(LENGTHS[:, None] + 1, AGENTS, axis=1)
    avail[0, 2:, 2] = [True, False, False, False]  # This agent is removed with the second action.
    lives[0, 2] = 3
    actions = (random.random(avail.shape) * avail).argmax(-1)[:, :-1]
    batch = {
        "obs": random.normal(size=(episodes, STEPS + 1, AGENTS, OBS_DIM)).astype(np.float32),
        "state": random.normal(size=(episodes, STEPS + 1, STATE_DIM)).astype(np.float32),
        "avail_actions": avail,
        "actions": actions,
        "rewards": random.normal(1, 3, size=(episodes, STEPS)).astype(np.float32),
        "lengths": LENGTHS,
        "lives": lives,
        "terminated": TERMINATED,
        "numbers": 10 + random.permutation(episodes),
        "importance": random.uniform(0.2, 1, episodes).astype(np.float32),
    }
    for episode, length in enumerate(LENGTHS):
        for name in ("obs", "state"):
            batch[name][episode, length + 1 :] = np.nan
        batch["rewards"][episode, length:] = np.nan
        batch["avail_actions"][episode, length + 1 :] = True
        batch["actions"][episode, length:] = ACTIONS - 1
    return batch


def tensors(batch):
    return {name: torch.from_numpy(array.copy()) for name, array in batch.items()}


def update(learner, batch, *, episodes=0, env_steps=0):
    """One update as the loop makes it; returns what was logged, and what is reported of the weights, if anything is."""
    results = learner.update(
        batch=learner_batch(Rewards().prepare(tensors(batch)), num_learners=1),
        timesteps={NUM_EPISODES_LIFETIME: episodes, NUM_ENV_STEPS_SAMPLED_LIFETIME: env_steps},
    )
    return numbers_of(results)


def numbers_of(results):
    """What a learner's update logged and told, and what it reports of the episodes, if anything."""
    (report,) = pop_reports([results])
    logged = {
        name: float(stats.peek())
        for name, stats in results[DEFAULT_MODULE_ID].items()
        if hasattr(stats, "peek")
    }
    numbers = {"/".join(name[1:]): number for name, number in report.numbers.items()}
    (episodes,) = report.episodes or [None]
    return logged | numbers, episodes
