"""The unit of rewards changes while values are learned: every network's values are rescaled, in the game's unit they stay."""

import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards
from rllib_remix.value_based.rl_module import ValueRLModule
from tests.learner_step.learners import a_batch, module_of, numbers_of, team_learner, tensors

FACTOR = 0.25
# What the networks of each say in the unit of rewards; all else stays. FOP's soft values are in proportion if its
# temperature is.
Q_TOT = ("q_tot", "target_values")
CASES = {
    "IQL": ({}, (*Q_TOT, "utilities")),
    "VDN": ({}, (*Q_TOT, "utilities")),
    "QMIX": ({}, Q_TOT),
    "Qatten": ({}, Q_TOT),
    "QPLEX": ({}, Q_TOT),
    "QTRAN": ({}, (*Q_TOT, "utilities", "greedy_q_jt", "chosen_sum", "greedy_sum", "state_value")),
    "OWQMIX": ({}, (*Q_TOT, "q_star")),
    "ReMIX": ({}, (*Q_TOT, "q_star", "mixer_gradient")),
    "ReMIX on VDN": ({"mixer": "vdn"}, (*Q_TOT, "q_star", "utilities")),
    "QMIX, groups": ({"share_parameters": False}, Q_TOT),
    "VDN, groups": ({"share_parameters": False}, (*Q_TOT, "utilities")),
    "VDAC": ({}, ("values",)),
    "VDAC, sum": ({"mixer": "vdn"}, ("values",)),
    "VDAC, sum, groups": ({"mixer": "vdn", "share_parameters": False}, ("values",)),
    "COMA": ({}, ("action_values", "target_values")),
    "DOP": ({}, ("action_values", "target_taken", "target_expected")),
    "FOP": ({}, ("joint_values", "action_values", "target_values")),
    "MAPPO": ({"normalize_values": False}, ("values",)),
    "MAPPO, normalised": ({}, ("values",)),
}


def algorithm_of(name):
    return name.partition(",")[0].partition(" ")[0]


def learner_of(name, **others):
    return team_learner(algorithm_of(name), **(CASES[name][0] | others))


def said(learner, temperature=0.5):
    """All that the networks say of a batch, with values in the unit of rewards."""
    module, batch = module_of(learner), Rewards().prepare(tensors(a_batch()))
    batch |= {"temperature": torch.full((6,), temperature), "update": torch.zeros(6, dtype=torch.int64)}
    with torch.no_grad():
        out = module._forward_train(learner_batch(batch, num_learners=1)[DEFAULT_MODULE_ID])
    if hasattr(module, "in_units_of_rewards"):
        out["values"] = module.in_units_of_rewards(out["values"])
    return {name: value for name, value in out.items() if value is not None}


def test_all_kinds_of_networks_are_here():
    def kinds(algorithms):
        configs = map(get_algorithm_config, algorithms)
        return {
            (config.get_default_rl_module_spec().module_class, config.networks().get("mixer"))
            for config in configs
        }

    assert kinds(map(algorithm_of, CASES)) == kinds(ALGORITHMS)


@pytest.mark.parametrize("name", CASES)
def test_all_values_are_rescaled_and_nothing_else(name):
    learner = learner_of(name)
    before = said(learner)
    module_of(learner).rescale_values(FACTOR)
    after = said(learner, temperature=0.5 * FACTOR)
    values = CASES[name][1]
    assert set(values) <= set(before)
    for output in before:
        factor = FACTOR if output in values else 1
        real = torch.isfinite(before[output]) if before[output].is_floating_point() else ...
        torch.testing.assert_close(after[output][real], (before[output] * factor)[real], msg=output)


def numbers(learner, rewards, scale=1.0):
    """What is logged of an update, whose rewards' unit is that of all rewards so far, and that unit."""
    batch = a_batch()
    batch["rewards"] *= scale
    prepared = rewards.prepare(tensors(batch))
    told, _ = numbers_of(learner.update(batch=learner_batch(prepared, num_learners=1), timesteps={}))
    return next(told[key] for key in ("q_tot_mean", "value_mean") if key in told), rewards.unit


# Not of these: FOP's soft values go by its temperature too, and MAPPO's normaliser takes in the batch's returns.
@pytest.mark.parametrize("name", [name for name in CASES if name not in ("FOP", "MAPPO, normalised")])
def test_values_stay_what_they_are_in_the_game_when_the_unit_changes(name):
    still = {"lr": 1e-12} | (
        {"critic_lr": 1e-12} if "critic_lr" in get_algorithm_config(algorithm_of(name)) else {}
    )
    learner, rewards = learner_of(name, **still), Rewards(normalize=True)
    first, unit = numbers(learner, rewards)
    then, larger = numbers(learner, rewards, scale=4.0)
    assert larger > 2 * unit
    assert then * larger == pytest.approx(first * unit, rel=1e-4)
    resumed = learner_of(name, **still)
    resumed.set_state(learner.get_state())
    again, largest = numbers(resumed, rewards, scale=16.0)
    assert largest > 2 * larger
    assert again * largest == pytest.approx(first * unit, rel=1e-4)


def test_values_stay_as_they_are_while_the_unit_does():
    learner, rewards = learner_of("QMIX", lr=1e-12), Rewards()
    first, _ = numbers(learner, rewards)
    then, _ = numbers(learner, rewards, scale=4.0)
    assert then == pytest.approx(first, rel=1e-4)


def test_rewards_of_no_size_have_no_unit_to_rescale_from():
    learner, rewards = learner_of("QMIX", lr=1e-12), Rewards(normalize=True)
    first, unit = numbers(learner, rewards, scale=0.0)
    then, larger = numbers(learner, rewards)
    assert larger > 1e5 * unit
    assert then == pytest.approx(first, rel=1e-4)


def test_normalising_can_be_switched_off_and_on():
    learner, normal, plain = learner_of("QMIX", lr=1e-12), Rewards(normalize=True), Rewards()
    first, unit = numbers(learner, normal)
    second, one = numbers(learner, plain)
    third, other = numbers(learner, Rewards(normalize=True), scale=4.0)
    assert (one, other) == (1.0, pytest.approx(4.0 * unit))
    assert second == pytest.approx(first * unit, rel=1e-4)
    assert third * other == pytest.approx(second, rel=1e-4)


def test_a_module_that_does_not_say_where_its_values_are_is_refused(monkeypatch):
    monkeypatch.delattr(ValueRLModule, "value_networks")
    with pytest.raises(NotImplementedError, match="ValueRLModule must have a method `value_networks`"):
        learner_of("QMIX")
