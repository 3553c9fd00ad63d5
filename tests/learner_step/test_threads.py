"""A learner in several threads makes the update that it makes in one, whatever the algorithm, and always the same."""

import numpy as np
import pytest

from rllib_remix.algorithms.table import ALGORITHMS
from tests.actor_critic.steps import prepared
from tests.learner_step.learners import LENGTHS, a_batch, module_of, numbers_of, parameters, team_learner

RECENT = 2  # episodes of a batch from which DOP's policies learn

VARIANTS = {
    "ReMIX, groups": ("ReMIX", {"share_parameters": False}),
    "QMIX, groups, normalised": ("QMIX", {"share_parameters": False, "normalize_observations": True}),
    "MACPO, weights by their mean": ("MACPO", {"weighting_config": {"normalize": "mean"}}),
    "MACPO, drawn by weight": ("MACPO", {"weighting_mode": "sampling"}),
    "ReMIX, all agents to the end": ("ReMIX", {"skip_removed_agents": False}),
    "MAPPO, normalised": ("MAPPO", {"normalize_observations": True, "normalize_values": True}),
    "QMIX, hard copies": ("QMIX", {"target_network_update_interval": 2}),
}
ALL = {name: (name, {}) for name in ALGORITHMS} | VARIANTS


def trained(algorithm, settings, threads, updates=3):
    """Networks, optimizers, and what was logged and reported, after some updates."""
    learner = team_learner(algorithm, num_threads_per_learner=threads, **settings)
    assert module_of(learner).num_threads == threads
    told = []
    for number in range(updates):
        results = learner.update(batch=prepared(a_batch(number), num_recent=RECENT), timesteps={})
        numbers, episodes = numbers_of(results)
        told.append(numbers | (episodes or {}))
    state = module_of(learner).state_dict()
    return {name: values.numpy().copy() for name, values in state.items()}, told


def check_alike(one, other, rtol):
    networks, told = one
    other_networks, other_told = other
    assert networks.keys() == other_networks.keys()
    for name, array in networks.items():
        np.testing.assert_allclose(other_networks[name], array, rtol=rtol, atol=rtol, err_msg=name)
    for before, after in zip(told, other_told, strict=True):
        assert before.keys() == after.keys()
        for name, array in before.items():
            np.testing.assert_allclose(after[name], array, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("name", ALL)
def test_two_threads_make_the_updates_of_one_and_the_same_ones_when_run_again(name):
    algorithm, settings = ALL[name]
    one, two = trained(algorithm, settings, 1), trained(algorithm, settings, 2)
    assert np.isfinite(one[1][-1]["total_loss"])
    check_alike(one, two, rtol=1e-5)
    check_alike(two, trained(algorithm, settings, 2), rtol=0)


def test_every_number_that_is_logged_and_all_reports_are_compared():
    _, told = trained("MACPO", {"weighting_mode": "sampling"}, 2, updates=1)
    assert told[0].keys() >= {
        "td_loss",
        "weight_max",
        "grad_norm",
        "priorities",
    }
    assert len(told[0]["priorities"]) == len(LENGTHS)


@pytest.mark.parametrize("algorithm", ["ReMIX", "MAPPO"])
def test_threads_without_an_episode_have_nothing_to_do(algorithm):
    one, many = trained(algorithm, {}, 1), trained(algorithm, {}, len(LENGTHS) + 3)
    check_alike(one, many, rtol=1e-5)


@pytest.mark.parametrize("algorithm", ["QMIX", "ReMIX", "MAPPO", "FOP"])
@pytest.mark.parametrize("name", ["rewards", "obs"])
def test_an_update_that_is_not_finite_is_made_in_no_thread(algorithm, name):
    learner = team_learner(algorithm, num_threads_per_learner=2, normalize_observations=True)
    learner.update(batch=prepared(a_batch(), num_recent=RECENT), timesteps={})
    before, batch = parameters(learner), a_batch(1)
    batch[name].flat[0] = np.inf
    learner.update(batch=prepared(batch, num_recent=RECENT), timesteps={})
    assert all((array == before[each]).all() for each, array in parameters(learner).items())
    learner.update(batch=prepared(a_batch(2), num_recent=RECENT), timesteps={})
    assert any((array != before[each]).any() for each, array in parameters(learner).items())
