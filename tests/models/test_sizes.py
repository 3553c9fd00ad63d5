"""Sizes that are told from settings are those that the networks then have."""

import numpy as np
import pytest
import torch

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config
from rllib_remix.models.groups.stepper import new_stepper
from rllib_remix.models.sizes import NETWORKS, acting_bytes, network_shapes, new_agent
from tests.algorithms.games import known_to
from tests.value_based.test_rl_module import SPEC, module

SIZES = {"agent_hidden_dim": 16, "q_star_hidden_dim": 24, "hypernet_hidden_dim": 12}


def network_of(weight):
    return weight.partition(".")[0].removeprefix("target_")


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_shapes_are_those_of_the_networks_that_are_saved(algorithm, share):
    config = get_algorithm_config(algorithm)
    config.training(**known_to(config, SIZES), share_parameters=share)
    told = network_shapes(SPEC, config.networks())
    made = module(algorithm, share_parameters=share)
    saved = {name: tuple(array.shape) for name, array in made.get_state().items()}
    # Of networks that only an algorithm knows, no shape is told.
    saved = {name: shape for name, shape in saved.items() if network_of(name) in NETWORKS}
    assert saved.keys() <= told.keys()
    assert saved == {name: told[name] for name in saved}
    assert {name for name in told if not name.startswith("target_")} <= saved.keys()


def test_shapes_of_networks_that_fit_into_no_memory_are_told_at_once():
    networks = get_algorithm_config("ReMIX").networks() | {
        "agent_hidden_dim": 2**16,
        "mixer_embed_dim": 2**16,
    }
    spec = SPEC._replace(n_agents=2**16, obs_dim=2**28)
    own = network_shapes(spec, networks | {"share_parameters": False})
    assert own["agent.encoder.weight"] == (2**16, 2**16, 2**28 + 4 + 2**16)
    shapes = network_shapes(spec, networks)
    assert shapes["agent.gru.weight_hh_l0"] == (3 * 2**16, 2**16)
    assert shapes["target_q_star_agent.encoder.weight"] == (2**16, 2**28 + 4 + 2**16)


@pytest.mark.parametrize("groups", [None, [0, *[1] * 29], list(range(30))], ids=["one", "unlike", "own"])
@pytest.mark.parametrize("observes", [False, True])
def test_the_memory_for_acting_is_about_what_acting_takes(observes, groups):
    spec = SPEC._replace(n_agents=30, n_actions=200, obs_dim=50)
    networks = {
        "agent_hidden_dim": 20,
        "observe_last_action": observes,
        "observe_agent_id": observes,
        "utility_clamp": None,
        "share_parameters": groups,
    }
    agent = new_agent(spec, networks)
    stepper, taken = vars(new_stepper(agent, num_envs=1)), {}
    for value in stepper.values():
        for array in value if isinstance(value, list | tuple) else [value]:
            if isinstance(array, np.ndarray):
                whole = array if array.base is None else array.base
                taken[id(whole)] = whole.nbytes
            elif isinstance(array, torch.Tensor) and not array._is_view():
                taken[id(array)] = array.nbytes
    assert sum(taken.values()) / 1.5 < acting_bytes(spec, networks) < 1.5 * sum(taken.values())
