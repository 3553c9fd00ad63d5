"""Statistics, with numbers worked out by hand."""

import math

import numpy as np
import pytest

from rllib_remix.reporting.statistics import (
    area_under_curve,
    band,
    bootstrap_interval,
    common_steps,
    confidence_half_width,
    final_value,
    interquartile_mean,
    mean,
    probability_of_improvement,
    standard_error,
    steps_to,
)


def test_the_standard_error_uses_the_sample_deviation():
    # mean 2, squared deviations 1 + 0 + 1 = 2, s² = 2 / 2 = 1, s / √3
    assert standard_error([1.0, 2.0, 3.0]) == pytest.approx(1 / math.sqrt(3))


def test_the_confidence_interval_uses_students_t():
    # Three values: t(97.5 %, 2 degrees of freedom) = 4.303 in any table, times s / √3 with s = 1.
    assert confidence_half_width([1.0, 2.0, 3.0]) == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)
    assert math.isnan(confidence_half_width([1.0]))


def test_too_few_values_give_nan():
    assert math.isnan(mean([]))
    assert math.isnan(standard_error([1.0]))
    assert math.isnan(final_value([math.nan]))


def test_the_final_value_is_the_mean_of_the_last_evaluations_that_were_made():
    assert final_value([9.0, 1.0, math.nan, 3.0], last=2) == 2.0
    assert final_value([1.0, 3.0], last=5) == 2.0


def test_the_final_value_needs_at_least_one_evaluation():
    with pytest.raises(ValueError, match="last: 0"):
        final_value([1.0], last=0)


def test_a_band_covers_the_steps_that_all_curves_share():
    one = (np.array([0.0, 10.0]), np.array([0.0, 10.0]))
    other = (np.array([5.0, 15.0]), np.array([20.0, 20.0]))
    summary = band([one, other], points=2)
    assert summary.steps.tolist() == [5.0, 10.0]
    assert summary.low.tolist() == [5.0, 10.0]
    assert summary.high.tolist() == [20.0, 20.0]
    assert summary.mean.tolist() == [12.5, 15.0]


def test_curves_without_common_steps_have_no_band():
    with pytest.raises(ValueError, match="no steps in common"):
        common_steps([(np.array([0.0, 1.0]),) * 2, (np.array([2.0, 3.0]),) * 2])


def test_the_interquartile_mean_leaves_out_a_quarter_on_either_side():
    assert interquartile_mean([4.0, 1.0, 100.0, 3.0]) == 3.5
    assert interquartile_mean([-9, 0, 1, 2, 3, 4, 5, 99]) == 2.5
    # A quarter of five, and of seven, is rounded down to one.
    assert interquartile_mean([0, 1, 2, 4, 9]) == pytest.approx(7 / 3)
    assert interquartile_mean([9, 0, 2]) == pytest.approx(11 / 3)
    assert interquartile_mean([7.0]) == 7.0
    assert math.isnan(interquartile_mean([]))


def test_bootstrap_intervals_hold_the_statistic_and_follow_from_the_seed():
    values = np.random.default_rng(0).normal(size=30)
    low, high = bootstrap_interval([values], mean)
    assert (low, high) == bootstrap_interval([values], mean)
    # Of a mean of 30 values it is about the normal one.
    assert (low, high) == pytest.approx(
        (mean(values) - 1.96 * standard_error(values), mean(values) + 1.96 * standard_error(values)), abs=0.06
    )
    assert all(map(math.isnan, bootstrap_interval([values, values[:1]], lambda one, other: 0.0)))


def test_groups_are_resampled_each_on_its_own():
    # Whatever is drawn of either, the means differ by 10: the groups are never mixed.
    groups = [np.full(5, 10.0), np.zeros(3)]
    assert bootstrap_interval(groups, lambda one, other: mean(one) - mean(other)) == (10.0, 10.0)


def test_the_probability_of_improvement_counts_pairs():
    # Of 2 × 2 pairs: 3 > 1, 3 > 2, 2 > 1, and 2 = 2 by half.
    assert probability_of_improvement(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx(3.5 / 4)


def test_the_area_under_a_curve_is_its_mean_height():
    steps, values = np.array([10.0, 20.0]), np.array([4.0, 8.0])
    # 4 up to 10, a ramp to 8 at 20, 8 up to 40.
    assert area_under_curve(steps, values, until=40) == pytest.approx((10 * 4 + 10 * 6 + 20 * 8) / 40)
    assert area_under_curve(steps, values, until=15) == pytest.approx((10 * 4 + 5 * 5) / 15)


def test_steps_to_a_threshold_are_the_first_that_reach_it():
    steps, values = np.array([1.0, 2.0, 3.0]), np.array([0.0, 5.0, 4.0])
    assert steps_to(steps, values, 5.0) == 2.0
    assert math.isinf(steps_to(steps, values, 6.0))
