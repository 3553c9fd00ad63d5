"""Teams of strong random weights, so that all they see and remember counts, in every form that a team can have."""

import json

import numpy as np
import torch

from rllib_remix.checkpoints.portable import write_portable
from rllib_remix.envs.team_env import TeamSpec, TeamStep
from rllib_remix.models.sizes import new_agent
from rllib_remix.policy import TeamPolicy

AGENTS, ACTIONS, OBS_DIM, HIDDEN = 3, 4, 5, 8
SPEC = TeamSpec(AGENTS, ACTIONS, OBS_DIM, 2, 9, "float32", "float32", ("ann", "bob", "cyd"))
NETWORKS = {"agent_hidden_dim": HIDDEN, "observe_last_action": True, "observe_agent_id": True}
IMAGE, CHANNELS_FIRST = (9, 12, 3), (2, 8, 10)

KINDS = {
    "all share": {},
    "no index": {"observe_agent_id": False},
    "no last action": {"observe_last_action": False},
    "nothing beside": {"observe_agent_id": False, "observe_last_action": False},
    "clamped": {"utility_clamp": [-0.5, 0.5]},
    "time": {"observe_time": True},
    "normalised": {"normalize_observations": True},
    "more outputs": {"agent_extra_outputs": 2},
    "groups": {"share_parameters": [0, 1, 0]},
    "own networks": {
        "share_parameters": [0, 1, 2],
        "observe_agent_id": False,
        "normalize_observations": True,
        "observe_time": True,
        "agent_extra_outputs": 1,
    },
    "images": {"shape": IMAGE, "dtype": "uint8"},
    "images of floats": {"shape": CHANNELS_FIRST, "dtype": "float32"},
    "normalised images": {"shape": IMAGE, "dtype": "uint8", "normalize_observations": True},
    "flat images": {"shape": IMAGE, "dtype": "uint8", "encoder": "mlp", "normalize_observations": True},
}


def team_of(shape=(), dtype="float32", **networks):
    """Spec, settings and network."""
    spec = SPEC._replace(obs_dtype=dtype)
    if shape:
        spec = spec._replace(obs_dim=int(np.prod(shape)), obs_shape=shape)
    settings = {"normalize_observations": False} | NETWORKS | networks
    return spec, settings, strong(new_agent(spec, settings), largest=100.0 if dtype == "uint8" else 3.0)


def strong(network, seed=1, largest=1.0):
    """The network with random weights, and random statistics of numbers up to about `largest` if it normalises."""
    rng = np.random.default_rng(seed)
    for weight in network.parameters():
        inputs = weight[0].numel() if weight.dim() == 4 else weight.shape[-1]
        scale = min(0.7, (2 if inputs < 20 else 1) * inputs**-0.5)
        weight.data = torch.from_numpy(rng.normal(0, scale, weight.shape).astype(np.float32))
    if (normalizer := network.normalizer) is not None:
        size = normalizer.mean.shape
        normalizer.mean += torch.from_numpy(rng.normal(0, largest, size).astype(np.float32))
        normalizer.variance *= torch.from_numpy((largest * rng.uniform(0.5, 2, size)).astype(np.float32) ** 2)
        normalizer.variance[1] = 0  # never varied
        normalizer.count += 100
    return network.eval().requires_grad_(False)


def policy_of(kind):
    """Its TeamPolicy, and its spec."""
    spec, _, network = team_of(**KINDS[kind])
    return TeamPolicy(network, algorithm="QMIX", agents=spec.agents, team=spec), spec


def write_team(folder, kind="all share", algorithm="QMIX", layout=None, **more):
    """As `rllib export` writes it."""
    spec, networks, network = team_of(**(KINDS[kind] | more))
    settings = {
        "algorithm": algorithm,
        "environment": "a_game",
        "env_config": {},
        "team": json.loads(json.dumps(spec._asdict())),
        "networks": networks,
        "agent_layout": layout,
        "config": {},
    }
    weights = {f"agent.{name}": weight.numpy() for name, weight in network.state_dict().items()}
    write_portable(folder, weights, settings)
    return folder


def shown(spec, steps, seed=0):
    """What one copy shows at each step: observations [n, O] and masks [n, U], each with an available action."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        size = (spec.n_agents, spec.obs_dim)
        obs = rng.integers(256, size=size) if spec.obs_dtype == "uint8" else 3 * rng.normal(size=size)
        masks = rng.random((spec.n_agents, spec.n_actions)) < 0.6
        masks[np.arange(spec.n_agents), rng.integers(spec.n_actions, size=spec.n_agents)] = True
        yield obs.astype(spec.obs_dtype), masks


def team_actions(policy, obs, masks):
    """[n], of a policy that acts in one copy."""
    nothing = np.zeros(1)
    return policy.act(TeamStep(obs[None], nothing, masks[None], nothing, nothing > 0, nothing > 0, {}))[0]
