from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from numba import njit
from scipy.stats import chisquare

from rllib_remix.envs.random_streams import new_streams, next_below, next_uint64, permute


@njit
def draw(streams, copy, bound, count):
    numbers = np.empty(count, np.int64)
    for i in range(count):
        numbers[i] = next_below(streams, copy, bound)
    return numbers


@njit
def draw_bits(streams, copy, count):
    numbers = np.empty(count, np.uint64)
    for i in range(count):
        numbers[i] = next_uint64(streams, copy)
    return numbers


def test_a_stream_is_the_splitmix64_generator():
    # The published first outputs of SplitMix64 from the states 0 and 1234567.
    streams = np.array([0, 1234567], np.uint64)
    assert draw_bits(streams, 0, 3).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert draw_bits(streams, 1, 2).tolist() == [6457827717110365317, 3203168211198807973]


@pytest.mark.parametrize("bound", [1, 2, 3, 5, 6, 7, 100])
def test_integers_below_a_bound_are_uniform(bound):
    numbers = draw(new_streams(0, 1), 0, bound, 20_000)
    assert numbers.min() >= 0
    assert numbers.max() < bound
    if bound > 1:
        assert chisquare(np.bincount(numbers, minlength=bound)).pvalue > 1e-3


def test_successive_draws_are_independent():
    numbers = draw(new_streams(1, 1), 0, 4, 20_001)
    assert chisquare(np.bincount(4 * numbers[:-1] + numbers[1:], minlength=16)).pvalue > 1e-3


def test_permutations_are_uniform():
    streams, order, seen = new_streams(2, 1), np.zeros(4, np.int64), Counter()
    for _ in range(12_000):
        permute(streams, 0, order)
        seen[tuple(order.tolist())] += 1
    assert set(seen) == set(permutations(range(4)))
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_a_permutation_does_not_depend_on_what_the_array_held():
    fresh, used = np.zeros(6, np.int64), np.full(6, 77)
    permute(new_streams(3, 1), 0, fresh)
    permute(new_streams(3, 1), 0, used)
    assert fresh.tolist() == used.tolist()


def test_a_draw_moves_only_the_stream_of_its_copy():
    streams = new_streams(4, 3)
    before = streams.copy()
    draw(streams, 1, 10, 5)
    assert (streams != before).tolist() == [False, True, False]


def test_a_copy_draws_the_same_whatever_the_other_copies_do():
    alone, crowd = new_streams(5, 2), new_streams(5, 50)
    expected = draw(alone, 1, 1000, 20)
    got = []
    for i in range(20):
        draw(crowd, 49 - i, 3, i)
        got.append(draw(crowd, 1, 1000, 1)[0])
    assert got == expected.tolist()


def test_keys_depend_on_seed_and_copy_alone_and_all_differ():
    assert (new_streams(6, 1000)[:10] == new_streams(6, 10)).all()
    assert len(np.unique(np.concatenate([new_streams(seed, 1000) for seed in (6, 7)]))) == 2000
    assert new_streams(6, 2).dtype == np.uint64


def test_without_a_seed_the_keys_come_from_the_system():
    assert (new_streams(None, 2) != new_streams(None, 2)).all()


def test_neighbouring_copies_are_uncorrelated():
    streams = new_streams(0, 2)
    one, other = draw(streams, 0, 4, 20_000), draw(streams, 1, 4, 20_000)
    assert chisquare(np.bincount(4 * one + other, minlength=16)).pvalue > 1e-3
