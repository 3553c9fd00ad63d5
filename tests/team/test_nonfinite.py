"""Losses, gradients and networks that are not finite."""

import logging

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.checkpoints.portable import PORTABLE, write_portable
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.team.nonfinite import (
    MAX_IN_A_ROW,
    NonFiniteUpdates,
    NotFiniteError,
    check_saved_networks,
    check_state,
    nonfinite_arrays,
)
from rllib_remix.team.results.updates import UpdateReport
from tests.algorithms.games import OTHERS, UNLIKE_QMIX, equal, tiny, weights
from tests.learner_step.learners import a_batch, module_of, parameters, team_learner, update

WITHOUT_PRIORITIES = ("QTRAN", "IQL", *OTHERS)  # nothing can be drawn by weight
LARGE = 1e25  # its square overflows float32, it does not


def bad_batch(name, value):
    batch = a_batch(1)
    batch[name].flat[0] = value  # of the first step of the first episode
    return batch


def optimizer_state(learner):
    """Every number that the optimizers remember, flat."""
    return {
        f"{optimizer}/{index}/{name}": value
        for optimizer, state in learner._get_optimizer_state().items()
        for index, of_parameter in state["state"]["state"].items()
        for name, value in of_parameter.items()
    }


@pytest.mark.parametrize(
    ("algorithm", "name", "value"),
    [
        pytest.param(
            algorithm,
            name,
            value,
            marks=[] if algorithm in ("MACPO", *OTHERS) and name == "rewards" else pytest.mark.battery,
        )
        for algorithm in ("VDN", "QMIX", "ReMIX", "MACPO", *UNLIKE_QMIX, *OTHERS)
        for name, value in (
            ("rewards", np.nan),
            ("rewards", np.inf),
            ("rewards", LARGE),
            ("obs", np.nan),
            ("obs", np.inf),
            ("state", -np.inf),
            ("importance", np.nan),
        )
        if (algorithm, name) not in (("VDN", "state"), ("IQL", "state"))  # which they do not see
        if algorithm not in WITHOUT_PRIORITIES or name != "importance"
    ],
)
def test_an_update_without_a_finite_loss_changes_neither_networks_nor_optimizer(algorithm, name, value):
    by_weight = {} if algorithm in WITHOUT_PRIORITIES else {"weighting_mode": "sampling"}
    learner, undisturbed = (team_learner(algorithm, **by_weight) for _ in range(2))
    for each in (learner, undisturbed):
        update(each, a_batch(0))
    before = optimizer_state(learner)
    logged, _ = update(learner, bad_batch(name, value))
    assert not np.isfinite(logged["grad_norm"])
    assert equal(parameters(learner), parameters(undisturbed))
    assert equal(optimizer_state(learner), before)
    # From there it goes on as if nothing had been.
    for each in (learner, undisturbed):
        update(each, a_batch(2))
    assert equal(parameters(learner), parameters(undisturbed))


def of_everything(learner):
    return {name: values.numpy().copy() for name, values in module_of(learner).state_dict().items()}


@pytest.mark.parametrize(("name", "value"), [("rewards", np.nan), ("obs", np.nan), ("state", np.inf)])
def test_nor_what_observations_are_normalised_by_nor_targets(name, value):
    learner = team_learner("QMIX", normalize_observations=True, target_network_update_interval=None)
    update(learner, a_batch(0))
    before = of_everything(learner)
    assert before["agent.normalizer.count"] > 0
    update(learner, bad_batch(name, value))
    assert equal(of_everything(learner), before)
    update(learner, a_batch(2))
    after = of_everything(learner)
    assert np.isfinite(after["agent.normalizer.mean"]).all()
    assert (after["target_agent.head.bias"] != before["target_agent.head.bias"]).any()


@pytest.mark.parametrize(
    "settings",
    [
        {"grad_clip": None},
        {"grad_clip": 1.0, "grad_clip_by": "value"},
        {"grad_clip": 1.0, "grad_clip_by": "norm"},
        {"torch_skip_nan_gradients": False},
        {"compute_dtype": "bfloat16"},
        {"utility_clamp": (-5, 2)},
    ],
)
def test_no_setting_lets_one_through(settings):
    learner = team_learner("MACPO", **settings)
    before = parameters(learner)
    logged, _ = update(learner, bad_batch("rewards", LARGE))
    assert logged["td_loss"] == np.inf
    assert equal(parameters(learner), before)
    update(learner, a_batch())
    assert not equal(parameters(learner), before)


def test_a_loss_that_overflows_over_a_finite_gradient_is_not_learned_from():
    learner = team_learner("VDN")
    before = parameters(learner)
    # The square of 2e19 is beyond float32. The gradient is a mean over 20 steps, and within.
    logged, _ = update(learner, bad_batch("rewards", 2e19))
    assert logged["td_loss"] == np.inf
    assert np.isnan(logged["grad_norm"])
    assert equal(parameters(learner), before)


def test_a_gradient_that_overflows_under_a_finite_loss_is_not_applied():
    learner = team_learner("QMIX")
    module = module_of(learner)
    # All utilities are 0, so that Q_tot does not see W1; its gradient by them is W1, whose square overflows.
    with torch.no_grad():
        module.agent.head.weight.fill_(0)
        module.agent.head.bias.fill_(0)
        module.mixer.w1[2].bias.fill_(1e22)
    before = parameters(learner)
    logged, _ = update(learner, a_batch())
    assert np.isfinite(logged["td_loss"])
    assert not np.isfinite(logged["grad_norm"])
    assert equal(parameters(learner), before)


# What is told of them


BATCH = {"rewards": torch.tensor([[1e25, -3.0, 7e30]]), "lengths": torch.tensor([2])}


def outcome(updates, *norms):
    module = DEFAULT_MODULE_ID
    reports = [UpdateReport({(module, "td_loss"): np.inf, (module, "grad_norm"): norm}) for norm in norms]
    return updates.was_made(reports, BATCH, lambda: "The newest checkpoint is X.")


def test_the_first_is_told_with_what_to_look_at_and_no_other(caplog):
    updates = NonFiniteUpdates(QMIXConfig().training(lr=0.25))
    with caplog.at_level(logging.WARNING, logger="ray.rllib"):
        logging.getLogger("ray.rllib").addHandler(caplog.handler)
        try:
            assert outcome(updates, 1.0)
            assert not caplog.records
            assert not outcome(updates, np.nan)
            assert not outcome(updates, np.inf)
            assert outcome(updates, 1.0)
            assert not outcome(updates, -np.inf)
        finally:
            logging.getLogger("ray.rllib").removeHandler(caplog.handler)
    messages = {record.getMessage() for record in caplog.records}
    assert len(messages) == 1
    (message,) = messages
    # Of the padding, 7e30, nothing is said.
    for fact in (
        "td_loss inf, grad_norm nan",
        "rewards of the batch, as the learner has them, -3 … 1e+25",
        "lr 0.25",
        "grad_clip 10.0",
    ):
        assert fact in message
    assert (updates.lifetime, updates.in_a_row) == (3, 1)


def test_a_few_in_a_row_end_training_with_the_newest_checkpoint():
    updates = NonFiniteUpdates(QMIXConfig())
    for _ in range(MAX_IN_A_ROW - 1):
        outcome(updates, np.nan)
    outcome(updates, 2.0)
    for _ in range(MAX_IN_A_ROW - 1):
        outcome(updates, np.nan)
    with pytest.raises(
        NotFiniteError, match=r"5 updates in a row .* rewards .* The newest checkpoint is X\."
    ):
        outcome(updates, np.nan)


def test_what_starts_again_from_a_checkpoint_has_only_the_tries_that_were_left():
    updates, again = NonFiniteUpdates(QMIXConfig()), NonFiniteUpdates(QMIXConfig())
    for _ in range(MAX_IN_A_ROW - 1):
        outcome(updates, np.nan)
    again.set_state(updates.get_state())
    with pytest.raises(NotFiniteError):
        outcome(again, np.nan)
    again.set_state({})
    assert (again.lifetime, again.in_a_row) == (0, 0)


def test_one_learner_of_several_is_enough():
    assert not outcome(NonFiniteUpdates(QMIXConfig()), 1.0, np.inf)


# Checkpoints


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_arrays_that_are_not_finite_are_named(value):
    arrays = {"a": {"b": np.ones(2), "c": np.array([1, value], np.float32)}, "d": [value], "e": np.arange(3)}
    assert list(nonfinite_arrays(arrays)) == ["a/c"]


@pytest.mark.parametrize("part", ["rl_module", "optimizer"])
def test_a_state_that_is_not_finite_is_not_saved(part):
    learner = {"rl_module": {"x": np.ones(2)}, "optimizer": {"x": np.ones(2)}}
    state = {"learner_group": {"learner": learner}}
    check_state(state, "There is none.")
    learner[part]["x"][1] = np.nan
    with pytest.raises(
        NotFiniteError, match=f"^No checkpoint was written, since {part}/x .* There is none.$"
    ):
        check_state(state, "There is none.")


def test_networks_that_were_saved_although_not_finite_are_refused(tmp_path):
    check_saved_networks(tmp_path)
    write_portable(tmp_path / PORTABLE, {"agent.head.bias": np.ones(2)}, {})
    check_saved_networks(tmp_path)
    write_portable(tmp_path / PORTABLE, {"agent.head.bias": np.array([1, np.inf])}, {})
    with pytest.raises(CheckpointError, match=r"not finite: 1 of 2 in 'agent.head.bias'.* use an earlier"):
        check_saved_networks(tmp_path)


def train(algorithm, *, iterations):
    for _ in range(iterations):
        algorithm.train()


def test_an_algorithm_saves_no_networks_that_are_not_finite_and_goes_on_from_those_it_saved(build, tmp_path):
    algorithm = build(tiny("QMIX"))
    result = algorithm.train()
    assert result["learners"]["default_policy"]["num_nonfinite_updates_lifetime"] == 0
    good, before = algorithm.save_to_path(str(tmp_path / "good")), weights(algorithm)
    files = sorted(tmp_path.rglob("*"))
    with torch.no_grad():
        module_of(algorithm.learner_group._learner).mixer.b1.bias.fill_(np.nan)
    for name in ("good", "other"):
        with pytest.raises(NotFiniteError, match=rf"mixer.b1.bias .*, is {good}\.$"):
            algorithm.save_to_path(str(tmp_path / name))
    assert sorted(tmp_path.rglob("*")) == files
    with pytest.raises(NotFiniteError, match=rf"^5 updates in a row .*, is {good}\.$"):
        train(algorithm, iterations=5)
    algorithm.restore_from_path(good)
    assert equal(weights(algorithm), before)
    assert algorithm._nonfinite_updates.lifetime == 0
