"""What results say of the updates of an iteration."""

import math

from rllib_remix.team.results.updates import UpdateNumbers, UpdateReport, add_reports, pop_reports

NAN = math.nan


def test_numbers_are_means_over_updates_and_learners_and_extremes_by_their_names():
    numbers = UpdateNumbers()
    numbers.add([UpdateReport({"loss": 1.0, "weight_min": 3.0, "weight_max": 3.0, "terms/error_mean": 2.0})])
    numbers.add([UpdateReport({"loss": 4.0, "weight_min": 1.0, "weight_max": 7.0, "terms/error_mean": 3.0})])
    numbers.add([UpdateReport({"loss": 2.0, "weight_min": 2.0}), UpdateReport({"loss": 9.0})])
    results = {"terms": {"own": 5.0}, "loss": NAN, "total_loss": 6.0}
    numbers.put_into(results)
    assert results == {
        "terms": {"own": 5.0, "error_mean": 2.5},
        "loss": 4.0,
        "weight_min": 1.0,
        "weight_max": 7.0,
        "total_loss": 6.0,
    }
    numbers.put_into(again := {})
    assert again == {}


def test_numbers_that_are_nan_do_not_count():
    numbers = UpdateNumbers()
    for loss, unknown in ((NAN, NAN), (3.0, NAN)):
        numbers.add([UpdateReport({"loss": loss, "norm_max": loss, "unknown": unknown})])
    numbers.put_into(results := {})
    assert (results["loss"], results["norm_max"]) == (3.0, 3.0)
    assert math.isnan(results["unknown"])


def test_reports_are_taken_out_of_what_updates_returned():
    one, other = {"default_policy": {"total_loss": 1, "episode_weights": [2]}}, {}
    report = UpdateReport({"loss": 1.0})
    add_reports(one, {"default_policy": report})
    assert pop_reports([one, other]) == [report, UpdateReport()]
    assert one == {
        "default_policy": {"total_loss": 1}
    }  # what an earlier version left in a checkpoint is gone too
