"""The index draws what the replay buffers draw, and only from episodes that are there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.index import ReplayIndex, TooFewEpisodes
from rllib_remix.replay.prioritized import PrioritizedMultiAgentReplayBuffer
from tests.replay.test_prioritized import SPEC, episodes


def index_of(count, *, capacity=10, recent_capacity=4, seed=0, **settings):
    index = ReplayIndex(capacity=capacity, recent_capacity=recent_capacity, seed=seed, **settings)
    for _ in range(count):
        index.add(1)
    return index


def counts_of(index, draws, **how):
    return np.bincount([index.draw(1, **how)[0].item() for _ in range(draws)], minlength=index.capacity)


@given(
    count=st.integers(4, 25),
    alpha=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 5),
    beta=st.floats(0, 1),
)
def test_draws_and_importance_are_those_of_the_buffer_in_one_process(count, alpha, seed, beta):
    buffer = PrioritizedMultiAgentReplayBuffer(SPEC, capacity=10, alpha=alpha, recent_capacity=4, seed=seed)
    index = index_of(count, alpha=alpha, seed=seed)
    buffer.add(episodes(0, count))
    rng = np.random.default_rng(seed)
    for _ in range(3):
        batch = buffer.sample(4, num_recent=1, beta=beta)
        slots, importance = index.draw(4, num_recent=1, beta=beta)
        numbers = index.numbers_of(slots)
        assert numbers.tolist() == batch["numbers"].tolist()
        assert importance.tolist() == batch["importance"].tolist()
        priorities = rng.random(4) * 10
        buffer.update_priorities(numbers, priorities)
        index.update_priorities(numbers, priorities)
        assert index.priorities_of(index.oldest_first()).tolist() == buffer.priorities.tolist()


def test_uniform_draws_are_those_of_the_uniform_buffer():
    buffer = MultiAgentReplayBuffer(SPEC, capacity=10, recent_capacity=4, seed=3)
    buffer.add(episodes(0, 13))
    index = index_of(13, seed=3)
    for _ in range(5):
        numbers = index.numbers_of(index.draw(6, num_recent=2)[0])
        assert numbers.tolist() == buffer.sample(6, num_recent=2)["numbers"].tolist()


def test_what_was_removed_is_not_drawn_and_the_rest_keeps_its_probabilities():
    uniform = index_of(10)
    uniform.remove(np.array([0, 2, 4, 6, 8]))
    assert len(uniform) == 5
    assert sorted(uniform.draw(5)[0]) == [1, 3, 5, 7, 9]
    counts = counts_of(uniform, 1000)
    assert counts[::2].sum() == 0
    assert chisquare(counts[1::2]).pvalue > 0.001

    weighted = index_of(10, alpha=1.0, epsilon=1e-9)
    weighted.update_priorities(np.arange(10), np.arange(10.0))
    weighted.remove(np.array([0, 2, 4, 6, 8]))
    counts = counts_of(weighted, 1000)
    assert counts[::2].sum() == 0
    assert chisquare(counts[1::2], np.array([1, 3, 5, 7, 9]) * 40).pvalue > 0.001  # of 25 in 1000 draws
    # (1 / (N·P))^1 with N = 5 and P = priority / 25, so 5 / priority, divided by the greatest of the batch.
    slots, importance = weighted.draw(3, beta=1.0)
    assert importance == pytest.approx((5 / slots) / (5 / slots).max())


def test_recent_are_the_newest_that_are_left():
    for alpha in (0.0, 1.0):
        index = index_of(14, recent_capacity=3, alpha=alpha)  # The newest, number 13, lies in slot 3.
        index.remove(np.array([3, 1]))
        drawn = {slot for _ in range(60) for slot in index.draw(1, num_recent=1)[0]}
        assert drawn == {2, 0, 9}


def test_too_few_are_refused_until_there_are_enough_again():
    index = index_of(10)
    index.remove(np.arange(0, 10, 2))
    with pytest.raises(TooFewEpisodes, match="6 episodes asked for, 5 are stored"):
        index.draw(6)
    with pytest.raises(TooFewEpisodes, match="5 recent episodes of 5 asked for, 4 are recent"):
        index.draw(5, num_recent=5)
    index.add(1)
    index.draw(6)


def test_new_episodes_get_the_greatest_priority_that_is_left():
    index = index_of(10)
    index.update_priorities(np.arange(10), np.arange(10.0))
    index.remove(np.array([9]))
    assert index.priorities_of(index.add(2)).tolist() == [8, 8]
    assert index_of(1).priorities_of(np.array([0])).tolist() == [1]


def test_priorities_of_lost_episodes_are_left_out_and_wrong_ones_are_refused():
    index = index_of(10)
    index.remove(np.array([4]))
    index.update_priorities(np.array([4, 5]), np.array([7.0, 8.0]))
    assert len(index) == 9
    assert 7.0 not in index.priorities_of(index.oldest_first())
    for numbers, priorities, message in (
        ([10], [1.0], "no episode 10"),
        ([5], [float("nan")], "priority nan of episode 5"),
        ([5, 6], [1.0], "1 priorities for 2 episodes"),
    ):
        with pytest.raises(ValueError, match=message):
            index.update_priorities(np.array(numbers), np.array(priorities))
    assert index.priorities_of(np.array([5])).tolist() == [8]


def test_its_state_goes_on_where_it_was():
    one = index_of(14, alpha=1.0)
    one.remove(np.array([2]))
    one.update_priorities(np.arange(5, 14), np.arange(5.0, 14.0))
    other = index_of(0, alpha=1.0, seed=9)
    other.set_state(one.get_state())
    for _ in range(3):
        for mine, its in zip(one.draw(4, num_recent=1), other.draw(4, num_recent=1), strict=True):
            assert mine.tolist() == its.tolist()
    assert one.add(3).tolist() == other.add(3).tolist()
