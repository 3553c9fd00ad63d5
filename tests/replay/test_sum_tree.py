import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from rllib_remix.replay.sum_tree import SumTree

NAN, INF = float("nan"), float("inf")
JUST_BELOW_ONE = np.nextafter(1.0, 0.0)


def tree(values) -> SumTree:
    result = SumTree(len(values))
    result.set(np.arange(len(values)), np.array(values, np.float64))
    return result


def leaves(sums: SumTree) -> np.ndarray:
    return sums[np.arange(sums.size)]


def inner_sums(sums: SumTree) -> dict[int, float]:
    """Inner node -> fsum of the leaves below it, worked out without the tree's own sums."""
    first, below = sums._first_leaf, {}
    values = sums._nodes[first:].tolist()
    for level in range(sums._levels):
        width = first >> level
        for i in range(1 << level):
            below[(1 << level) + i] = math.fsum(values[i * width : (i + 1) * width])
    return below


# Sums


def test_a_new_tree_holds_zeros():
    assert SumTree(3).total == 0.0
    assert leaves(SumTree(3)).tolist() == [0, 0, 0]


def test_the_total_is_the_sum_of_the_values():
    # 1 + 2 + 3 + 4 = 10; with 7 in the place of 2, 15; with 0 in the place of 4, 11.
    sums = tree([1, 2, 3, 4])
    assert sums.total == 10.0
    sums.set(np.array([1]), np.array([7.0]))
    assert sums.total == 15.0
    sums.set(np.array([3]), np.array([0.0]))
    assert sums.total == 11.0
    assert leaves(sums).tolist() == [1, 7, 3, 0]


def test_inner_nodes_hold_the_sums_below_them():
    # Five leaves in a tree of eight: 1 + 2, 4 + 8, 16 + 0, 0 + 0; then 3 + 12, 16 + 0; then 15 + 16.
    sums = tree([1, 2, 4, 8, 16])
    assert sums._nodes[1:].tolist() == [31, 15, 16, 3, 12, 16, 0, 1, 2, 4, 8, 16, 0, 0, 0]


def test_of_an_index_that_occurs_several_times_the_last_value_counts():
    sums = tree([1, 1, 1])
    sums.set(np.array([0, 2, 0, 2, 0]), np.array([9.0, 8.0, 7.0, 6.0, 5.0]))
    assert leaves(sums).tolist() == [5, 1, 6]
    assert sums.total == 12.0


def test_one_value_can_be_set_everywhere():
    sums = SumTree(3)
    sums.set(np.arange(3), 2.0)
    assert leaves(sums).tolist() == [2, 2, 2]
    assert sums.total == 6.0


def test_setting_nothing_changes_nothing():
    sums = tree([1, 2, 3])
    sums.set(np.zeros(0, np.int64), np.zeros(0))
    assert leaves(sums).tolist() == [1, 2, 3]
    assert sums.total == 6.0


def test_after_ten_million_updates_every_sum_is_still_that_of_the_leaves():
    rng = np.random.default_rng(0)
    sums = SumTree(1000)  # about 500 in total, of values in [0, 1)
    for _ in range(1000):
        sums.set(rng.integers(0, sums.size, 10_000), rng.random(10_000))
    total = math.fsum(leaves(sums))
    assert 400 < total < 600
    assert sums.total == pytest.approx(total, rel=1e-9, abs=0)
    assert sums.total == pytest.approx(total, rel=0, abs=1e-9)
    expected = inner_sums(sums)
    assert sorted(expected) == list(range(1, sums._first_leaf))
    for node, value in expected.items():
        assert sums._nodes[node] == pytest.approx(value, rel=0, abs=1e-9)


def test_a_small_value_counts_in_full_after_a_huge_one_has_gone():
    # Adding differences would leave (0.1 + 1e17) - 1e17 = 0.
    sums = tree([0.1, 0.0, 0.2])
    sums.set(np.array([1]), np.array([1e17]))
    sums.set(np.array([1]), np.array([0.0]))
    assert sums.total == 0.1 + 0.2


@given(
    st.integers(1, 40),
    st.lists(st.lists(st.tuples(st.integers(0, 39), st.floats(0, 1e6)), max_size=8), max_size=8),
)
def test_after_any_updates_the_values_are_the_latest_and_the_total_their_sum(size, rounds):
    sums, values = SumTree(size), np.zeros(size)
    for updates in rounds:
        updates = [(index % size, value) for index, value in updates]
        sums.set(np.array([i for i, _ in updates], np.int64), np.array([v for _, v in updates]))
        for index, value in updates:
            values[index] = value
        assert leaves(sums).tolist() == values.tolist()
        assert sums.total == pytest.approx(math.fsum(values), rel=1e-14)


# Finds


def test_a_position_is_found_in_the_value_that_it_falls_into():
    # Parts [0, 1), [1, 3), [3, 6), [6, 10).
    positions = np.array([0.0, 0.5, 1.5, 2.9, 3.1, 5.9, 6.5, 9.9])
    assert tree([1, 2, 3, 4]).find(positions).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_position_on_a_boundary_belongs_to_the_value_that_begins_there():
    sums = tree([1, 2, 3, 4])
    assert sums.find(np.array([0.0, 1.0, 3.0, 6.0])).tolist() == [0, 1, 2, 3]
    below = np.nextafter([1.0, 3.0, 6.0, 10.0], 0.0)
    assert sums.find(below).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 8, 9, 100])
def test_trees_of_all_sizes_find_each_of_their_values(size):
    sums = tree(np.ones(size))
    assert sums.total == size
    assert sums.find(np.arange(size) + 0.5).tolist() == list(range(size))
    assert sums.find(np.arange(float(size))).tolist() == list(range(size))


def test_a_tree_of_one_value_finds_it():
    sums = tree([0.3])
    assert sums.total == 0.3
    assert sums.find(np.array([0.0, 0.1, np.nextafter(0.3, 0.0)])).tolist() == [0, 0, 0]


def test_zeros_are_never_found():
    # Only values 2 and 5 have a part: [0, 1) and [1, 3).
    sums = tree([0, 0, 1, 0, 0, 2, 0])
    assert sums.find(np.array([0.0, 0.9, 1.0, 2.9, np.nextafter(3.0, 0.0)])).tolist() == [2, 2, 5, 5, 5]


def test_a_position_that_rounding_carried_to_the_end_is_found_in_the_last_value_above_zero():
    # The largest random number below 1 times 0.1 + 0.2 + 0.3 rounds up to the sum itself.
    for values, last in (
        ([0.1, 0.2, 0.3], 2),
        ([0.1, 0.2, 0.3, 0, 0], 2),
        ([0.1, 0.2, 0, 0.3, 0, 0, 0, 0, 0], 3),
    ):
        sums = tree(values)
        end = np.array([sums.total, np.nextafter(sums.total, 0.0), JUST_BELOW_ONE * sums.total])
        assert sums.find(end).tolist() == [last] * 3


def test_a_zero_between_values_that_rounding_swallows_is_not_found():
    # 1 + 1e-17 rounds to 1, so the last part is empty in floating point; the zeros beside it stay unfound.
    sums = tree([1.0, 0.0, 0.0, 1e-17])
    assert sums.total == 1.0
    assert sums.find(np.array([0.0, 0.5, JUST_BELOW_ONE])).tolist() == [0, 0, 0]
    assert sums.find(np.array([1.0])).tolist() == [3]
    sums = tree([1e-17, 0.0, 0.0, 1.0])
    assert sums.find(np.array([0.0, 1e-17, 0.5, JUST_BELOW_ONE, 1.0])).tolist() == [0, 3, 3, 3, 3]


def test_the_least_floats_can_be_found_apart():
    # 5e-324 is the least float above 0: parts of one, two and one of it.
    least = 5e-324
    sums = tree([least, 2 * least, 0, least])
    assert sums.find(np.array([0, least, 2 * least, 3 * least])).tolist() == [0, 1, 1, 3]


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=70).filter(any),
    st.lists(st.floats(0, 1, exclude_max=True), max_size=20),
)
def test_finds_are_those_of_a_cumulative_sum(values, shares):
    # Sums of integers are exact, in whatever order they are added.
    ends = np.cumsum(values)
    inside = np.minimum(np.array(shares) * ends[-1], np.nextafter(float(ends[-1]), 0.0))
    boundaries = np.array([0, *ends[:-1]], np.float64)
    positions = np.concatenate([inside, boundaries[boundaries < ends[-1]]])
    expected = np.searchsorted(ends, positions, side="right")
    assert tree(values).find(positions).tolist() == expected.tolist()


@given(
    st.lists(st.one_of(st.just(0.0), st.floats(0, 1e9)), min_size=1, max_size=70).filter(any),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_finds_are_close_to_a_cumulative_sum_and_never_a_zero(values, shares):
    sums = tree(values)
    positions = np.array(shares) * sums.total  # up to the very end
    found = sums.find(positions)
    assert all(values[index] > 0 for index in found)
    ends, rounding = np.cumsum(values), 1e-13 * sums.total
    assert (positions <= ends[found] + rounding).all()
    assert (positions >= ends[found] - np.array(values)[found] - rounding).all()


def test_random_positions_find_values_in_proportion():
    values = np.array([1.0, 0.0, 2.0, 3.5, 0.25, 0.0, 5.0, 8.25, 1e-300])
    sums, rng = tree(values), np.random.default_rng(0)
    counts = np.bincount(sums.find(rng.random(100_000) * sums.total), minlength=len(values))
    # Values 1 and 5 are 0, and the last is too small to be found in any number of draws.
    assert counts[[1, 5, 8]].tolist() == [0, 0, 0]
    drawn = [0, 2, 3, 4, 6, 7]
    assert chisquare(counts[drawn], 100_000 * values[drawn] / 20.0).pvalue > 1e-3


def test_finding_leaves_the_positions_as_they_were():
    positions = np.array([0.5, 9.5])
    tree([1, 2, 3, 4]).find(positions)
    assert positions.tolist() == [0.5, 9.5]


# Refusals


@pytest.mark.parametrize("value", [NAN, INF, -INF, -1.0, -5e-324])
def test_a_bad_value_is_refused_and_nothing_is_changed(value):
    sums = tree([1, 2, 3])
    before = sums._nodes.copy()
    with pytest.raises(ValueError, match=rf"^sum tree: value {value} at index 1; .* finite and not negative"):
        sums.set(np.array([0, 1, 2]), np.array([7.0, value, 7.0]))
    assert sums._nodes.tolist() == before.tolist()


@pytest.mark.parametrize("index", [-1, 3, 4, 10**9])
def test_an_index_outside_is_refused_and_nothing_is_changed(index):
    # Three values lie in a tree of four leaves; the fourth must stay out of reach.
    sums = tree([1, 2, 3])
    before = sums._nodes.copy()
    with pytest.raises(ValueError, match=rf"^sum tree: index {index}; allowed: 0 … 2\.$"):
        sums.set(np.array([0, index]), np.array([7.0, 7.0]))
    assert sums._nodes.tolist() == before.tolist()


def test_minus_zero_is_a_zero():
    sums = tree([-0.0, 1.0])
    assert sums.find(np.array([0.0])).tolist() == [1]


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_below_one_is_refused(size):
    with pytest.raises(ValueError, match=rf"^sum tree: size {size} is not allowed; it must be at least 1\.$"):
        SumTree(size)


# Memory


@pytest.mark.parametrize(("size", "leaves"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (5000, 8192)])
def test_the_stated_memory_is_twice_the_leaves_of_the_complete_tree(size, leaves):
    assert SumTree.bytes_needed(size) == SumTree(size)._nodes.nbytes == 2 * leaves * 8
