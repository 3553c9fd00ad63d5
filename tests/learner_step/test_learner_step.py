"""The whole learner step of every algorithm against a plain computation in float64, from batch to new parameters.

The learner computes in float32, with seven digits: losses agree to 1e-5 of their size, gradients to 1e-4 of their
norm, and weights to 2e-4 of theirs, since they come from small differences of values.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
from batteries import battery_but

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards
from tests.algorithms.games import VALUE_BASED
from tests.learner_step.learners import (
    a_batch,
    gradients,
    module_of,
    parameters,
    team_learner,
    tensors,
    update,
)
from tests.learner_step.reference_step import (
    REFERENCES,
    Adam,
    QTRANStep,
    ReferenceStep,
    Settings,
    clipped,
    global_norm,
)
from tests.learner_step.reference_weights import probabilities

# Nothing at its default.
LOSS = {"gamma": 0.83, "td_lambda": 0.37, "q_star_loss_weight": 0.3}
OPTIMIZER = {"lr": 0.004, "grad_clip": 0.5}

# Of every weighting; nothing at its default either, and such that limits, levels and windows act in these batches.
CONFIGS = {
    "uniform": {},
    "ow": {"alpha": 0.3},
    "cw": {"alpha": 0.4},
    "remix": {
        "min_weight": 0.05,
        "exponent_clamp": 0.8,
        "gradient_floor": 0.15,
        "temperature": 2.5,
        "range_map": "minmax",
    },
    "macpo": {"temperature": 2.5},
    "macpo_corrected": {"min_weight": 0.05, "temperature": 2.5},
    "macpo_approx": {
        "alpha_high": 0.9,
        "alpha_medium": 0.6,
        "alpha_low": 0.3,
        "threshold": 0.25,
        "temperature": 1.5,
    },
    "discor": {"disable": ["value_enhancement"]},
    "remern": {"temperature": 2.5},
    "per": {"alpha": 0.8, "epsilon": 0.05},
    "pser": {"alpha": 0.8, "epsilon": 0.05, "decay": 0.7, "window": 2},
}


def reference_settings(algorithm, **training):
    config = get_algorithm_config(algorithm)
    own = {name: value for name, value in training.items() if not name.startswith("grad_clip")}
    presets = {name: getattr(config, name) for name in ("mixer", "weighting", "skip_removed_agents")}
    return Settings(**(presets | LOSS | own))


def reference(algorithm, learner, batch, **training):
    """What an update of the learner must compute of a batch."""
    step = REFERENCES.get(algorithm, ReferenceStep)
    return step(parameters(learner), batch, reference_settings(algorithm, **training))


def check_values(algorithm, *, seed=0, **training):
    """Losses, weights and priorities of one update; returns the learner, what it logged, and what it should have."""
    learner = team_learner(algorithm, **(LOSS | OPTIMIZER | training))
    expected = reference(algorithm, learner, a_batch(seed), **training)
    logged, report = update(learner, a_batch(seed))
    check_losses(logged, expected)
    check_weights(logged, report, expected)
    return learner, logged, expected


def check_losses(logged, expected):
    assert logged["total_loss"] == pytest.approx(expected.loss(), rel=1e-5)
    assert logged["td_loss"] == pytest.approx(expected.td_loss(), rel=1e-5)
    if expected.settings.use_q_star:
        assert logged["q_star_loss"] == pytest.approx(expected.q_star_loss(), rel=1e-5)
    else:
        assert "q_star_loss" not in logged
    if isinstance(expected, QTRANStep):
        assert [logged["opt_loss"], logged["nopt_loss"]] == pytest.approx(
            expected.constraint_losses(), rel=1e-4
        )
    steps = [step for episode in expected.steps for step in episode]
    assert logged["q_tot_mean"] == pytest.approx(np.mean([step.q_tot for step in steps]), rel=1e-4)
    assert logged["target_mean"] == pytest.approx(np.mean([step.target for step in steps]), rel=1e-4)
    overestimated = np.mean([step.q_tot > step.target for step in steps])
    assert logged["overestimated_share"] == pytest.approx(overestimated, rel=1e-5)


def check_weights(logged, report, expected):
    weights = np.concatenate(expected.scheme_weights)
    np.testing.assert_allclose(report["weights"], weights, rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(report["priorities"], expected.priorities, rtol=2e-4)
    assert (report["numbers"] == expected.batch["numbers"]).all()
    for name in ("mean", "min", "max"):
        assert logged[f"weight_{name}"] == pytest.approx(getattr(weights, name)(), rel=2e-4)
    assert (len(set(weights)) == 1) == (expected.settings.weighting == "uniform")


def check_gradient(learner, logged, expected, clip):
    """What the optimizer stepped by is the clipped gradient of the loss, of every parameter."""
    gradient = expected.gradient()
    norm = global_norm(gradient)
    assert logged["grad_norm"] == pytest.approx(norm, rel=1e-4)
    stepped_by, should_be = gradients(learner), clip(gradient)
    assert stepped_by.keys() == should_be.keys()
    tolerance = 1e-4 * min(norm, global_norm(should_be))
    for name, slopes in should_be.items():
        np.testing.assert_allclose(stepped_by[name], slopes, atol=tolerance, err_msg=name)


def check_adam(learner, before, adam, lr):
    """Adam's step moved the online networks; the target networks stayed."""
    gradient = {name: slopes.astype(float) for name, slopes in gradients(learner).items()}
    moved, after = adam.step(before, gradient, lr=lr), parameters(learner)
    for name, array in (before | moved).items():
        np.testing.assert_allclose(after[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert any((after[name] != before[name]).any() for name in moved)


# Without a mixer there is nothing to draw by.
IN_BOTH_MODES = [(name, "loss") for name in VALUE_BASED] + [
    (name, "sampling") for name in VALUE_BASED if get_algorithm_config(name).mixer
]
QUICK = [(name, mode) for name in ("VDN", "ReMIX") for mode in ("loss", "sampling")]
QUICK += [(name, "loss") for name in ("Qatten", "QPLEX", "IQL", "QTRAN")]


@pytest.mark.parametrize(
    ("algorithm", "mode"),
    [pytest.param(*each, marks=() if each in QUICK else pytest.mark.battery) for each in IN_BOTH_MODES],
)
def test_a_step_of_every_algorithm_in_both_modes_is_the_plain_computations(algorithm, mode):
    config = CONFIGS[get_algorithm_config(algorithm).weighting]
    before = parameters(team_learner(algorithm))
    learner, logged, expected = check_values(algorithm, weighting_mode=mode, weighting_config=config)
    check_gradient(learner, logged, expected, lambda gradient: clipped(gradient, OPTIMIZER["grad_clip"]))
    check_adam(learner, before, Adam(), OPTIMIZER["lr"])


@pytest.mark.parametrize("algorithm", battery_but(["ReMIX", "MACPO"], VALUE_BASED))
def test_weightings_have_the_papers_settings_by_default(algorithm):
    _, _, expected = check_values(algorithm)
    assert expected.settings.weighting_config == {}


MORE_CONFIGS = [
    ("remix", {"range_map": "clip", "min_weight": 0.2, "temperature": 3.0}),
    *[("remix", {"disable": [term], "temperature": 3.0}) for term in SCHEMES["remix"].terms],
    *[("macpo", {"normalize": "mean", "disable": [term]}) for term in SCHEMES["macpo"].terms],
    *[("macpo_corrected", {"disable": [term]}) for term in ("value_enhancement", "joint_action_probability")],
    *[(name, {"normalize": "mean"}) for name in ("macpo_approx", "discor", "remern", "per", "pser")],
]


@pytest.mark.parametrize(("weighting", "config"), MORE_CONFIGS)
@pytest.mark.parametrize("mixer", battery_but(["qmix"], ["qmix", "vdn", "qatten", "qplex"]))
def test_a_step_of_every_setting_of_the_weightings_is_the_plain_computations(mixer, weighting, config):
    if (mixer, weighting) == ("qplex", "remix"):
        pytest.skip("needs the gradient of the mixer")
    check_values("QMIX", mixer=mixer, weighting=weighting, weighting_config=config)


@pytest.mark.parametrize("algorithm", ["VDN", "Qatten"])
@pytest.mark.parametrize("weighting", ["ow", "remix", "macpo"])
def test_a_step_of_an_additive_value_with_weights_is_the_plain_computations(algorithm, weighting):
    config = CONFIGS[weighting]
    learner, logged, expected = check_values(algorithm, weighting=weighting, weighting_config=config)
    check_gradient(learner, logged, expected, lambda gradient: clipped(gradient, OPTIMIZER["grad_clip"]))


@pytest.mark.parametrize(
    "algorithm", battery_but(["QMIX"], ["QMIX", "MACPO", "Qatten", "QPLEX", "IQL", "QTRAN"])
)
@pytest.mark.parametrize(
    "networks",
    [
        {"observe_agent_id": False},
        {"observe_last_action": False},
        {"observe_last_action": False, "observe_agent_id": False},
        {"observe_time": True},
        {"normalize_observations": True},
        {"normalize_observations": True, "observe_time": True, "skip_removed_agents": False},
        {"skip_removed_agents": False},
        {"utility_clamp": (-1.5, 0.4)},
        {"share_parameters": False},
        {"share_parameters": False, "observe_agent_id": False, "utility_clamp": (-1.5, 0.4)},
    ],
)
def test_a_step_of_every_kind_of_network_is_the_plain_computations(algorithm, networks):
    # Without limits on the gradient, so that nothing hides how large it is.
    learner, logged, expected = check_values(algorithm, grad_clip=None, **networks)
    check_gradient(learner, logged, expected, lambda gradient: gradient)


@pytest.mark.parametrize(
    "algorithm", battery_but(["QMIX", "IQL"], ["QMIX", "MACPO", "QPLEX", "IQL", "QTRAN"])
)
@pytest.mark.parametrize(
    "targets",
    [
        {"td_trace": "peng"},
        {"time_limit": "termination"},
        {"td_trace": "peng", "time_limit": "termination"},
        {"truncated_value": "last"},
        {"td_trace": "peng", "truncated_value": "last"},
        {"td_lambda": 0.0},
        {"td_lambda": 1.0},
    ],
)
def test_a_step_of_every_kind_of_target_is_the_plain_computations(algorithm, targets):
    check_values(algorithm, **targets)


@pytest.mark.parametrize("algorithm", ["QMIX", "CWQMIX", "IQL", "QTRAN"])  # CW compares them with targets
def test_values_in_targets_are_limited_by_the_rewards_of_all_batches(algorithm):
    # With γ = ½ a reward for ever is worth twice itself; the rewards of these batches are larger than the values.
    batch, learner = a_batch(), team_learner(algorithm, **(LOSS | {"gamma": 0.5}))
    lengths = zip(batch["rewards"], batch["lengths"], strict=True)
    real = np.concatenate([row[:length] for row, length in lengths])
    before = reference(algorithm, learner, batch, gamma=0.5).target_values
    shrunk = 0.2 * abs(before[0, 1]).max() / abs(real).max()  # so that they limit
    small = batch | {"rewards": (shrunk * batch["rewards"]).astype(np.float32)}
    limits = (2 * min(0, shrunk * real.min()), 2 * max(0, shrunk * real.max()))
    assert (before < limits[0]).any() or (before > limits[1]).any()
    expected = reference(algorithm, learner, small, gamma=0.5, limits=limits)
    logged, report = update(learner, small)
    check_losses(logged, expected)
    if algorithm == "CWQMIX":
        check_weights(logged, report, expected)
    margin = 1 + 0.1 * (limits[1] - limits[0])
    steps = [step.q_tot for episode in expected.steps for step in episode]
    impossible = [not limits[0] - margin <= q_tot <= limits[1] + margin for q_tot in steps]
    assert logged["impossible_q_tot_share"] == pytest.approx(np.mean(impossible), rel=1e-5)
    assert any(impossible) == (algorithm != "QTRAN")  # whose values are small in these batches


def test_these_batches_tell_right_from_nearly_right():
    settings = reference_settings("MACPOApprox", weighting_config=CONFIGS["macpo_approx"])
    expected = ReferenceStep(parameters(team_learner("MACPOApprox")), a_batch(), settings)
    utilities, avail = expected.agent_utilities, expected.batch["avail_actions"]
    steps = [step for episode in expected.steps for step in episode]
    free = utilities.argmax(-1)
    assert 0.2 < np.mean(free == expected.greedy) < 0.8  # masks matter
    target = expected.utilities(expected.parameters, "target_q_star_agent")
    assert (np.where(avail, target, -np.inf).argmax(-1) != expected.greedy).any()  # so does who chooses
    assert {bool(step.took_greedy) for step in steps} == {True, False}
    assert {bool(step.target > step.greedy_value) for step in steps} == {True, False}
    levels = [p <= 0.25 for step in steps for p in probabilities(step, 1.5)]
    assert 0.1 < np.mean(levels) < 0.9
    factors = {
        round(weight / (abs(s.q_tot - s.target) * np.exp(-abs(s.q_tot - s.q_star))), 6)
        for s, weight in zip(steps, np.concatenate(expected.scheme_weights), strict=True)
    }
    assert factors == {0.9, 0.6, 0.3}
    assert any((s.mixer_gradient < CONFIGS["remix"]["gradient_floor"]).any() for s in steps)
    assert {abs(s.q_star - s.q_tot) > CONFIGS["remix"]["exponent_clamp"] for s in steps} == {True, False}


# The optimizer


def test_every_step_of_the_optimizer_is_adams_with_the_rate_of_the_schedule():
    learner, adam = team_learner("OWQMIX", lr=[[0, 0.01], [100, 0.002]], grad_clip=0.5), Adam()
    # The schedule goes by the env steps that were sampled before the update.
    for seed, lr in enumerate([0.01, 0.01, 0.006, 0.002]):
        before = parameters(learner)
        update(learner, a_batch(seed), env_steps=50 * seed)
        check_adam(learner, before, adam, lr)


@pytest.mark.parametrize(
    ("settings", "clip"),
    [
        ({"grad_clip": 0.05}, lambda gradient: clipped(gradient, 0.05)),
        ({"grad_clip": 1e6}, lambda gradient: gradient),
        (
            {"grad_clip": 0.03, "grad_clip_by": "value"},
            lambda gradient: {name: slopes.clip(-0.03, 0.03) for name, slopes in gradient.items()},
        ),
        (
            {"grad_clip": 0.03, "grad_clip_by": "norm"},
            lambda gradient: {name: clipped({name: g}, 0.03)[name] for name, g in gradient.items()},
        ),
    ],
)
def test_gradients_are_clipped_as_asked(settings, clip):
    learner, logged, expected = check_values("CWQMIX", **settings)
    check_gradient(learner, logged, expected, clip)


# Target networks


@pytest.mark.parametrize("tau", [1.0, 0.25])
def test_targets_are_copied_after_so_many_updates_and_as_much_as_tau_says(tau):
    learner = team_learner("MACPO", target_network_update_interval=3, tau=tau)
    for number in range(1, 8):
        before = pairs(learner)
        update(learner, a_batch(number), episodes=100 * number)
        for name, (online, target) in pairs(learner).items():
            due = tau * online + (1 - tau) * before[name][1] if number % 3 == 0 else before[name][1]
            np.testing.assert_allclose(target, due, rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize(
    ("settings", "tau"),
    [
        ({"target_network_update_interval": None}, 0.01),
        ({"target_network_update_interval": 1}, 1.0),
        ({"target_network_update_interval": None, "target_network_update_episodes": 100}, 1.0),
        ({"target_network_update_interval": None, "target_network_update_episodes": 100, "tau": 0.5}, 0.5),
    ],
)
def test_copies_are_soft_and_made_with_every_update_unless_one_says_when(settings, tau):
    learner = team_learner("VDN", **settings)
    before = pairs(learner)
    update(learner, a_batch(0), episodes=100)
    for name, (online, target) in pairs(learner).items():
        due = tau * online + (1 - tau) * before[name][1]
        np.testing.assert_allclose(target, due, rtol=1e-6, atol=1e-7, err_msg=name)


def pairs(learner):
    """name of an online network's parameter → its value, and its target's; of those that have one."""
    values = parameters(learner)
    return {
        name.removeprefix("target_"): (values[name.removeprefix("target_")], target)
        for name, target in values.items()
        if name.startswith("target_")
    }


@pytest.mark.parametrize("algorithm", battery_but(["VDN", "QMIX", "ReMIX", "QTRAN"], VALUE_BASED))
def test_target_networks_are_copied_whole_and_only_when_their_episodes_are_collected(algorithm):
    learner = team_learner(algorithm, target_network_update_episodes=30)
    networks = {name.split(".")[0] for name in pairs(learner)}
    if get_algorithm_config(algorithm).weighting != "uniform":
        assert networks == {"q_star_agent", "q_star"}
    else:
        # VDN's mixer has no parameters.
        others = {"VDN": set(), "IQL": set(), "QTRAN": {"q_jt"}}.get(algorithm, {"mixer"})
        assert networks == {"agent"} | others
    # Due at 30 episodes or later; after the copy at 38 the next is due at 68.
    for episodes, is_due in [(8, False), (29, False), (38, True), (60, False), (67, False), (68, True)]:
        before = pairs(learner)
        update(learner, a_batch(), episodes=episodes)
        for name, (online, target) in pairs(learner).items():
            assert np.array_equal(target, online if is_due else before[name][1]), name


def test_a_copy_comes_after_the_step_of_its_update_and_changes_the_targets_alone():
    copies, never = (team_learner("MACPO", target_network_update_episodes=count) for count in (1, 10**9))
    before = parameters(copies)
    for learner in (copies, never):
        update(learner, a_batch(), episodes=1)
    without_copy = parameters(never)
    for name, value in parameters(copies).items():
        assert np.array_equal(value, without_copy[name.removeprefix("target_")]), name
    assert any((value != before[name]).any() for name, value in without_copy.items())
    assert not any(p.requires_grad for name, p in module_of(copies).named_parameters() if "target_" in name)


@pytest.mark.parametrize("algorithm", ["QMIX", "VDN", "MACPO", "QPLEX", "IQL", "QTRAN"])
def test_the_module_gives_the_target_networks_values_of_any_joint_actions(algorithm):
    learner, batch = team_learner(algorithm), a_batch()
    expected = reference(algorithm, learner, batch)
    given = {"greedy_actions": torch.from_numpy(expected.greedy)}
    values = module_of(learner).forward_target(tensors(batch) | given)["target_values"]
    for episode, length in enumerate(batch["lengths"]):
        np.testing.assert_allclose(
            values[episode, : length + 1], expected.target_values[episode, : length + 1], rtol=1e-5, atol=1e-6
        )


# Several learners


@pytest.mark.parametrize("mode", ["loss", "sampling"])
def test_the_mean_of_the_learners_losses_is_the_loss_of_the_whole_batch(mode):
    batch, settings = a_batch(), {"weighting_mode": mode} | LOSS
    learner = team_learner("MACPO", **settings)
    whole = ReferenceStep(parameters(learner), batch, reference_settings("MACPO", weighting_mode=mode))
    dealt = learner_batch(Rewards().prepare(tensors(batch)), num_learners=2)["default_policy"]
    losses = []
    for part in (slice(0, 3), slice(3, 6)):
        of_learner = {name: values[part] for name, values in dealt.items()}
        losses.append(
            learner.compute_loss_for_module(
                module_id="default_policy",
                config=learner.config,
                batch=of_learner,
                fwd_out=module_of(learner).forward_train(of_learner),
            ).item()
        )
    assert np.mean(losses) == pytest.approx(whole.loss(), rel=1e-5)


UPDATES = """
import sys
from tests.learner_step.learners import a_batch, team_learner, update
for algorithm in ("QMIX", "COMA", "VDAC"):
    update(team_learner(algorithm), a_batch())
print("torch._dynamo" in sys.modules)
"""


def test_an_update_does_not_load_pytorchs_compiler():
    said = subprocess.run([sys.executable, "-c", UPDATES], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False"]
