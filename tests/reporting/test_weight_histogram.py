import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.reporting.weight_histogram import QUANTILES, WeightHistogram, histogram_edges


def float32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def counted(*parts: np.ndarray, low: float = 0.01, high: float = 10.0, bins: int = 3) -> tuple[int, ...]:
    histogram = WeightHistogram(low, high, bins)
    histogram.add(parts)
    return histogram.counts


# Edges


def test_the_edges_are_evenly_spaced_on_a_logarithmic_axis():
    # From 0.01 to 10 are three powers of ten: one a bin.
    edges = histogram_edges(0.01, 10.0, 3)
    assert edges.tolist() == float32(0.01, 0.1, 1.0, 10.0).tolist()
    assert edges.dtype == np.float32
    # From 1 to 16 in two bins: a factor of 4 each.
    assert histogram_edges(1.0, 16.0, 2).tolist() == [1, 4, 16]


def test_the_edges_at_powers_of_ten_are_exactly_those_of_float32_also_between_many_bins():
    edges = histogram_edges(1e-3, 10.0, 40)  # ten bins to a power
    assert len(edges) == 41
    assert edges[::10].tolist() == float32(0.001, 0.01, 0.1, 1.0, 10.0).tolist()


# Bins


def test_every_weight_falls_into_its_bin():
    # Bins [0.01, 0.1), [0.1, 1), [1, 10), with what is below and above them on either side:
    # 0.001 | 0.02, 0.09 | 0.3 | 2, 5, 9.9 | 11, 1e9
    weights = float32(5.0, 0.001, 0.3, 0.02, 1e9, 2.0, 0.09, 11.0, 9.9)
    assert counted(weights) == (1, 2, 1, 3, 2)


def test_a_weight_on_an_edge_falls_into_the_bin_that_begins_there():
    assert counted(float32(0.01)) == (0, 1, 0, 0, 0)
    assert counted(float32(0.1)) == (0, 0, 1, 0, 0)
    assert counted(float32(1.0)) == (0, 0, 0, 1, 0)


@pytest.mark.parametrize("bins", [1, 2, 4, 40, 41, 80, 1000])
def test_weights_on_all_edges_fall_into_the_bins_that_begin_there(bins):
    assert counted(histogram_edges(1e-3, 10.0, bins), low=1e-3, bins=bins) == (0, *[1] * bins, 1)


def test_a_weight_just_below_an_edge_falls_into_the_bin_before():
    below = np.nextafter(float32(0.01, 0.1, 1.0, 10.0), np.float32(0))
    assert counted(below) == (1, 1, 1, 1, 0)


def test_zero_is_below_all_bins_and_so_are_the_least_weights():
    assert counted(float32(0.0, 0.0, 1e-45, 1e-30)) == (4, 0, 0, 0, 0)


def test_the_upper_end_is_above_all_bins():
    assert counted(float32(10.0, 3e38)) == (0, 0, 0, 0, 2)


def test_the_floor_and_the_ceiling_of_weights_open_their_bins():
    # Where remix, ow and cw put their weights: 0.1 and 1. With 20 bins to a power of ten that is after 40 and
    # 60 bins, and after the count of what is below all bins.
    counts = counted(float32(0.1, 0.1, 1.0, 1.0, 1.0), low=1e-3, bins=80)
    assert {i: count for i, count in enumerate(counts) if count} == {41: 2, 61: 3}


@given(st.lists(st.floats(0, 2.0**100, width=32), max_size=50), st.integers(1, 30))
def test_every_weight_is_counted_once_and_between_its_edges(weights, bins):
    edges = histogram_edges(1e-3, 10.0, bins)
    limits = [-math.inf, *edges.tolist(), math.inf]
    expected = [sum(limits[i] <= weight < limits[i + 1] for weight in weights) for i in range(bins + 2)]
    assert counted(float32(*weights), low=1e-3, bins=bins) == tuple(expected)
    assert sum(expected) == len(weights)


# Updates and learners


def test_several_learners_parts_are_counted_together():
    assert counted(float32(0.05, 0.5), float32(0.5), float32(), float32(50.0)) == (0, 1, 2, 0, 1)


def test_all_updates_of_an_iteration_are_counted():
    histogram = WeightHistogram(0.01, 10.0, 3)
    histogram.add([float32(0.0, 0.5)])
    histogram.add([float32(0.5), float32(5.0)])
    assert histogram.counts == (1, 0, 2, 1, 0)


def test_a_new_iteration_begins_with_zeros():
    histogram = WeightHistogram(0.01, 10.0, 3)
    assert histogram.counts == (0, 0, 0, 0, 0)
    histogram.add([float32(0.5)])
    histogram.reset()
    assert histogram.counts == (0, 0, 0, 0, 0)
    histogram.add([float32(5.0)])
    assert histogram.counts == (0, 0, 0, 1, 0)


def test_counts_are_whole_numbers_of_python():
    assert all(type(count) is int for count in counted(float32(0.5)))


def test_an_update_without_a_weight_counts_nothing():
    assert counted() == (0, 0, 0, 0, 0)
    assert counted(float32(), float32()) == (0, 0, 0, 0, 0)


# Quantiles


def test_the_quantiles_worked_by_hand():
    # Of 0, 1, 2, 3, 4 the quantile at q % lies at 4·q/100: a straight line. Sorting is not asked for.
    histogram = WeightHistogram(0.01, 10.0, 3)
    histogram.add([float32(3, 0, 4, 1, 2)])
    quantiles = histogram.quantiles()
    assert len(quantiles) == QUANTILES == 101
    assert [quantiles[percent] for percent in (0, 25, 50, 75, 100)] == [0, 1, 2, 3, 4]
    assert quantiles[10] == pytest.approx(0.4)
    assert quantiles == pytest.approx([0.04 * percent for percent in range(101)])


def test_the_quantiles_of_uneven_weights_run_straight_from_one_to_the_next():
    # 0.1, 0.1, 1: up to 50 % both are 0.1; at 75 % half of the way to 1: 0.55.
    histogram = WeightHistogram(0.01, 10.0, 3)
    histogram.add([float32(0.1, 1.0, 0.1)])
    quantiles = histogram.quantiles()
    assert [quantiles[percent] for percent in (0, 50, 75, 100)] == pytest.approx([0.1, 0.1, 0.55, 1.0])


def test_the_quantiles_of_one_weight_are_all_that_weight():
    histogram = WeightHistogram(0.01, 10.0, 3)
    histogram.add([float32(0.5)])
    assert histogram.quantiles() == [0.5] * 101


def test_the_quantiles_are_those_of_all_learners_parts():
    histogram = WeightHistogram(0.01, 10.0, 3)
    histogram.add([float32(4, 1), float32(), float32(0, 3, 2)])
    assert histogram.quantiles() == pytest.approx([0.04 * percent for percent in range(101)])


def test_the_quantiles_are_those_of_the_latest_update_alone_and_outlast_a_reset():
    histogram = WeightHistogram(0.01, 10.0, 3)
    histogram.add([float32(7.0, 8.0)])
    histogram.add([float32(0.5)])
    assert histogram.quantiles() == [0.5] * 101
    histogram.reset()
    assert histogram.quantiles() == [0.5] * 101


def test_before_the_first_update_the_quantiles_are_nan():
    histogram = WeightHistogram(0.01, 10.0, 3)
    assert math.isnan(histogram.quantiles())
    histogram.add([])
    assert math.isnan(histogram.quantiles())
    histogram.add([float32(), float32()])
    assert math.isnan(histogram.quantiles())


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=30))
def test_quantiles_rise_from_the_least_weight_to_the_greatest(weights):
    histogram = WeightHistogram(0.01, 10.0, 3)
    histogram.add([float32(*weights)])
    quantiles = histogram.quantiles()
    assert (quantiles[0], quantiles[-1]) == (min(weights), max(weights))
    assert (np.diff(quantiles) >= -1e-6 * max(weights)).all()
