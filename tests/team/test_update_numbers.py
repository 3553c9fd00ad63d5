"""What results say of the updates of an iteration."""

import math

import numpy as np

from rllib_remix.team.results.updates import UpdateNumbers, UpdateReport, add_report, pop_reports
from tests.algorithms.games import tiny

NAN, MODULE = math.nan, "default_policy"


def report(**numbers):
    """Of a module; "__" stands for the next level of a name."""
    return UpdateReport({(MODULE, *name.split("__")): value for name, value in numbers.items()})


def test_numbers_are_means_over_updates_and_learners_and_extremes_by_their_names():
    numbers = UpdateNumbers()
    numbers.add([report(loss=1.0, weight_min=3.0, weight_max=3.0, terms__error_mean=2.0)])
    numbers.add([report(loss=4.0, weight_min=1.0, weight_max=7.0, terms__error_mean=3.0)])
    numbers.add([report(loss=2.0, weight_min=2.0), report(loss=9.0)])
    numbers.add([UpdateReport({("__all_modules__", "steps"): 8.0})])
    results = {MODULE: {"terms": {"own": 5.0}, "loss": NAN, "total_loss": 6.0}}
    numbers.put_into(results)
    assert results == {
        MODULE: {
            "terms": {"own": 5.0, "error_mean": 2.5},
            "loss": 4.0,
            "weight_min": 1.0,
            "weight_max": 7.0,
            "total_loss": 6.0,
        },
        "__all_modules__": {"steps": 8.0},
    }


def test_numbers_that_are_nan_do_not_count():
    numbers = UpdateNumbers()
    for loss in (NAN, 3.0):
        numbers.add([report(loss=loss, norm_max=loss, unknown=NAN)])
    numbers.put_into(results := {})
    assert (results[MODULE]["loss"], results[MODULE]["norm_max"]) == (3.0, 3.0)
    assert math.isnan(results[MODULE]["unknown"])


def test_an_iteration_without_updates_has_the_names_of_those_before():
    numbers = UpdateNumbers()
    numbers.add([report(loss=1.0)])
    numbers.put_into({})
    numbers.put_into(results := {})
    assert math.isnan(results[MODULE]["loss"])


def test_reports_are_taken_out_of_what_updates_returned():
    one, other = {MODULE: {"total_loss": 1, "episode_weights": [2]}}, {}
    told = report(loss=1.0)
    add_report(one, told)
    assert pop_reports([one, other]) == [told, UpdateReport()]
    assert one == {MODULE: {"total_loss": 1}}  # what an earlier version left in a checkpoint is gone too


def test_an_update_takes_the_reports_of_all_learners_and_all_that_each_made(build):
    algorithm = build(tiny("PERQMIX", weighting_mode="sampling"))
    while len(algorithm.replay_buffer) < 8:
        algorithm.replay_buffer.add(algorithm._collect())
    told = [([5, 1], [0.5, 0.25]), ([2, 7], [0.75, 0.125]), ([0], [0.625])]
    arrays = [
        {"numbers": np.array(numbers), "priorities": np.array(priorities), "weights": np.ones(3)}
        for numbers, priorities in told
    ]
    one, other = {}, {}
    add_report(one, UpdateReport({(MODULE, "td_loss"): 1.0}, arrays[:2]))
    add_report(other, UpdateReport({(MODULE, "td_loss"): 2.0}, arrays[2:]))
    algorithm.learner_group.update = lambda **_: [one, other]
    algorithm._update()
    assert algorithm.replay_buffer.priorities[:8].tolist() == [0.625, 0.25, 0.75, 1, 1, 0.5, 1, 0.125]
    assert sum(algorithm._weight_histogram.counts) == 9
    algorithm._update_numbers.put_into(results := {})
    assert results == {MODULE: {"td_loss": 1.5}}


def test_numbers_of_before_are_gone_with_the_state_of_before(build):
    algorithm = build(tiny("QMIX"))
    algorithm._update_numbers.add([report(loss=math.inf)])
    algorithm.set_state(algorithm.get_state())
    algorithm._update_numbers.put_into(results := {})
    assert results == {}
