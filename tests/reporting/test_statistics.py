"""Statistics, with numbers worked out by hand."""

import math

import numpy as np
import pytest

from rllib_remix.reporting.statistics import (
    band,
    common_steps,
    confidence_half_width,
    final_value,
    mean,
    standard_error,
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
