import math
import pickle
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.prioritized import REPLAY_BUFFERS, PrioritizedMultiAgentReplayBuffer
from rllib_remix.rollout.episode import TeamEpisode

SPEC = TeamSpec(
    n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=6, obs_dtype="uint8", state_dtype="int16"
)
NAN, INF = float("nan"), float("inf")


def episode(number: int, length: int = 1) -> TeamEpisode:
    """An episode whose rewards are its number, so that it is known wherever it turns up."""
    return TeamEpisode(
        obs=np.full((length + 1, 2, 4), number % 256, np.uint8),
        state=np.full((length + 1, 5), number, np.int16),
        avail_actions=np.ones((length + 1, 2, 3), np.bool_),
        actions=np.full((length, 2), number % 3, np.int16),
        rewards=np.full(length, number, np.float32),
        terminated=True,
        truncated=False,
        info={},
    )


def episodes(first: int, end: int) -> list[TeamEpisode]:
    return [episode(number, number % 6 + 1) for number in range(first, end)]


def buffer(
    count: int = 0, *, capacity: int = 5, seed: int = 0, **settings
) -> PrioritizedMultiAgentReplayBuffer:
    """With `count` episodes, whose rewards are the numbers that the buffer gives them."""
    result = PrioritizedMultiAgentReplayBuffer(SPEC, capacity=capacity, seed=seed, **settings)
    result.add(episodes(0, count))
    return result


def with_priorities(priorities, **settings) -> PrioritizedMultiAgentReplayBuffer:
    """As many episodes as priorities, and just room for them."""
    result = buffer(len(priorities), capacity=len(priorities), **settings)
    result.update_priorities(np.arange(len(priorities)), np.array(priorities, np.float64))
    return result


def numbers_in(batch: dict[str, torch.Tensor]) -> list[int]:
    """The batch's numbers, after a check that they are those of the episodes in it."""
    assert batch["rewards"][:, 0].tolist() == batch["numbers"].tolist()
    assert batch["state"][:, 0, 0].tolist() == batch["numbers"].tolist()
    return batch["numbers"].tolist()


def counts_of(replay: MultiAgentReplayBuffer, draws: int, **how) -> np.ndarray:
    """How often each number was drawn in that many batches of one."""
    drawn = [replay.sample(1, **how)["numbers"].item() for _ in range(draws)]
    return np.bincount(drawn, minlength=replay._added)


def same_batch(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def round_trip(state: dict) -> dict:
    return pickle.loads(pickle.dumps(state))


# Draws


@pytest.mark.parametrize(
    ("alpha", "masses"),
    [
        (1.0, [0.5, 1.5, 2.5, 4.5, 16.5]),  # each priority plus ½
        (0.5, [0.5**0.5, 1.5**0.5, 2.5**0.5, 4.5**0.5, 16.5**0.5]),
    ],
)
def test_episodes_are_drawn_in_proportion_to_priority_plus_epsilon_to_the_power_of_alpha(alpha, masses):
    replay = with_priorities([0, 1, 2, 4, 16], alpha=alpha, epsilon=0.5)
    counts = counts_of(replay, 3000)
    assert chisquare(counts, 3000 * np.array(masses) / sum(masses)).pvalue > 1e-3


def test_draws_are_in_proportion_after_the_ring_wrapped_too():
    # Episodes 0 and 1 are gone; 2 … 6 have priorities 1, 2, 3, 4, 6.
    replay = buffer(7, epsilon=1e-12)
    replay.update_priorities(np.arange(2, 7), np.array([1.0, 2, 3, 4, 6]))
    counts = counts_of(replay, 3000)
    assert counts[:2].tolist() == [0, 0]
    assert chisquare(counts[2:], 3000 * np.array([1, 2, 3, 4, 6]) / 16).pvalue > 1e-3


def test_every_part_of_a_stratified_batch_comes_from_its_own_part_of_the_sum():
    # The parts of the episodes are [0, 3), [3, 5), [5, 6), [6, 7), and [7, 8) for the last four: eight draws
    # take one from each unit. (ε moves the boundaries by less than any position comes close to them.)
    replay = with_priorities([3, 2, 1, 1, 0.25, 0.25, 0.25, 0.25], epsilon=1e-15)
    last = []
    for _ in range(400):
        numbers = numbers_in(replay.sample(8))
        assert numbers[:7] == [0, 0, 0, 1, 1, 2, 3]
        last.append(numbers[7])
    assert chisquare(np.bincount(last)[4:]).pvalue > 1e-3


def test_the_expected_number_of_times_in_a_stratified_batch_is_in_proportion():
    # Priorities 1, 2, 3, 4 and three draws from [0, 10/3), [10/3, 20/3), [20/3, 10), against parts [0, 1),
    # [1, 3), [3, 6), [6, 10). In thirds: the first draw is 0, 1, 2 with 3 : 6 : 1 of 10; the second 2, 3 with
    # 8 : 2; the third 3. Summed over the batch 0.3, 0.6, 0.9, 1.2, which is 3·p/10.
    replay = with_priorities([1, 2, 3, 4], epsilon=1e-12)
    draws = np.array([numbers_in(replay.sample(3)) for _ in range(3000)])
    first, second, third = (np.bincount(column, minlength=4) for column in draws.T)
    assert first[3] == second[0] == second[1] == 0
    assert chisquare(first[:3], 3000 * np.array([0.3, 0.6, 0.1])).pvalue > 1e-3
    assert chisquare(second[2:], 3000 * np.array([0.8, 0.2])).pvalue > 1e-3
    assert third.tolist() == [0, 0, 0, 3000]
    # A mean of 3000 batches whose counts have a standard deviation of ½ at most: 4·√(¼ / 3000) = 0.036.
    assert (first + second + third) / 3000 == pytest.approx([0.3, 0.6, 0.9, 1.2], abs=0.037)


def test_the_draws_of_a_batch_are_independent():
    # Of equal priorities two draws give 0 or 1, and 2 or 3: each of the four pairs equally often.
    replay = with_priorities([1, 1, 1, 1])
    pairs = [tuple(numbers_in(replay.sample(2))) for _ in range(1000)]
    counts = [pairs.count(pair) for pair in product((0, 1), (2, 3))]
    assert sum(counts) == 1000
    assert chisquare(counts).pvalue > 1e-3


class Always:
    """A random number generator that knows one number."""

    def __init__(self, number: float):
        self.number = number

    def random(self, count: int) -> np.ndarray:
        return np.full(count, self.number)


@pytest.mark.parametrize("num_recent", [0, 4])
def test_the_least_and_the_greatest_random_numbers_stay_within_their_parts(num_recent):
    # Masses ½ each: the least number draws at 0, ½, 1, 1½, where the next episode's part begins.
    replay = with_priorities([0, 0, 0, 0], epsilon=0.5)
    for number in (0.0, 0.5, np.nextafter(0.5, 1)):
        replay._rng = Always(number)
        assert numbers_in(replay.sample(4, num_recent=num_recent)) == [0, 1, 2, 3]
    # Of 3 + the greatest number below 1 rounding makes 4, which draws at the very end of the sum.
    replay._rng = Always(np.nextafter(1.0, 0.0))
    assert numbers_in(replay.sample(4, num_recent=num_recent))[-1] == 3


def test_an_episode_that_outweighs_all_others_fills_the_batch():
    replay = with_priorities([0, 0, 1000, 0], epsilon=1e-9)
    assert numbers_in(replay.sample(4)) == [2, 2, 2, 2]


def test_an_episode_of_priority_zero_is_still_drawn():
    # Two episodes of 0 and one of 1, all with ε = 1 on top: 1 : 1 : 2.
    counts = counts_of(with_priorities([0, 0, 1], epsilon=1.0), 2000)
    assert chisquare(counts, [500, 500, 1000]).pvalue > 1e-3


def test_if_all_priorities_are_zero_episodes_are_drawn_equally_often():
    replay = with_priorities([0, 0, 0, 0])
    assert chisquare(counts_of(replay, 2000)).pvalue > 1e-3
    assert replay.sample(4, beta=1.0)["importance"].tolist() == [1, 1, 1, 1]


def test_only_stored_episodes_are_drawn_while_the_buffer_fills():
    replay = buffer(2, capacity=100)
    assert {number for _ in range(50) for number in numbers_in(replay.sample(2))} == {0, 1}


def test_the_same_seed_draws_the_same_episodes_and_another_seed_others():
    priorities = np.random.default_rng(0).random(50)
    one, same, other = (with_priorities(priorities, seed=seed) for seed in (1, 1, 2))
    draws = [[numbers_in(replay.sample(10, num_recent=2)) for _ in range(5)] for replay in (one, same, other)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("count", "recent", "message"),
    [
        (0, 0, "0 episodes asked for, 3 are stored"),
        (4, 0, "4 episodes asked for, 3 are stored"),
        (3, 4, "4 recent episodes of 3 asked for, 2 are recent"),
        (3, 3, "3 recent episodes of 3 asked for, 2 are recent"),
        (1, 2, "2 recent episodes of 1 asked for, 2 are recent"),
        (2, -1, "-1 recent episodes of 2 asked for, 2 are recent"),
    ],
)
def test_a_batch_that_cannot_be_drawn_is_refused(count, recent, message):
    with pytest.raises(ValueError, match=message):
        buffer(3, recent_capacity=2).sample(count, num_recent=recent)


def test_drawing_from_an_empty_buffer_is_refused():
    with pytest.raises(ValueError, match="1 episodes asked for, 0 are stored"):
        buffer().sample(1)


# New episodes


def test_the_first_episodes_have_priority_one():
    assert buffer(3).priorities.tolist() == [1, 1, 1]


@pytest.mark.parametrize("greatest", [0.0, 0.25, 7.0])
def test_a_new_episode_has_the_greatest_priority_there_is(greatest):
    # It may be below 1 as well: the 1 of the beginning does not stay.
    replay = buffer(2)
    replay.update_priorities(np.array([0, 1]), np.array([greatest, greatest / 2]))
    replay.add(episodes(2, 4))
    assert replay.priorities.tolist() == [greatest, greatest / 2, greatest, greatest]


def test_the_priority_of_an_overwritten_episode_is_forgotten():
    # 0 has the greatest when 3 replaces it, and hands it on; then 3 is lowered, and 4 gets what is left: 2.
    replay = with_priorities([9, 1, 2])
    replay.add(episodes(3, 4))
    assert replay.priorities.tolist() == [1, 2, 9]
    replay.update_priorities(np.array([3]), np.array([0.5]))
    replay.add(episodes(4, 5))
    assert replay.priorities.tolist() == [2, 0.5, 2]


def test_more_episodes_at_once_than_fit_leave_the_newest_with_the_greatest_priority():
    replay = with_priorities([3, 1, 2])
    replay.add(episodes(3, 11))
    assert replay.priorities.tolist() == [3, 3, 3]
    assert {number for _ in range(20) for number in numbers_in(replay.sample(3))} == {8, 9, 10}
    assert replay._tree.total == pytest.approx(9 + 3e-6)


def test_a_bad_episode_is_refused_and_no_priority_is_changed():
    replay = with_priorities([3, 1, 2])
    total = replay._tree.total
    bad = replace(episode(4), state=np.zeros((2, 4), np.int16))
    with pytest.raises(ValueError, match=r"episode\.state has shape \(2, 4\)"):
        replay.add([episode(3), bad])
    assert replay.priorities.tolist() == [3, 1, 2]
    assert replay._tree.total == total


def test_adding_nothing_changes_nothing():
    replay = with_priorities([3, 1, 2])
    replay.add([])
    assert replay.priorities.tolist() == [3, 1, 2]
    assert buffer().priorities.tolist() == []


# Without priorities


def test_with_alpha_zero_batches_are_those_of_the_uniform_buffer():
    uniform = MultiAgentReplayBuffer(SPEC, capacity=7, recent_capacity=3, seed=11)
    flat = buffer(capacity=7, recent_capacity=3, seed=11, alpha=0.0)
    rng, added = np.random.default_rng(0), 0
    for _ in range(60):
        new = episodes(added, added + int(rng.integers(1, 4)))
        added += len(new)
        uniform.add(new)
        flat.add(new)
        # Priorities that differ, as long as they do not count, change nothing.
        flat.update_priorities(np.arange(added), rng.random(added))
        num_episodes = int(rng.integers(1, len(uniform) + 1))
        for num_recent in (0, int(rng.integers(0, min(num_episodes, len(uniform), 3) + 1))):
            expected = uniform.sample(num_episodes, num_recent=num_recent)
            assert same_batch(flat.sample(num_episodes, num_recent=num_recent, beta=0.7), expected)
            assert (
                len(set(expected["numbers"][: num_episodes - num_recent].tolist()))
                == num_episodes - num_recent
            )
    assert added > 70


# Importance


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        # Probabilities ⅛, ⅛, ¼, ½ of four episodes: 1/(N·P) is 2, 2, 1, ½, by the greatest 1, 1, ½, ¼.
        (0.0, {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}),
        (0.5, {0: 1.0, 1: 1.0, 2: 0.5**0.5, 3: 0.5}),
        (1.0, {0: 1.0, 1: 1.0, 2: 0.5, 3: 0.25}),
    ],
)
def test_the_importance_worked_by_hand(beta, expected):
    # Draws from [0, 2), [2, 4), [4, 6), [6, 8) against parts [0, 1), [1, 2), [2, 4), [4, 8): 0 or 1, 2, 3, 3.
    batch = with_priorities([0.5, 0.5, 1.5, 3.5], epsilon=0.5).sample(4, beta=beta)
    assert numbers_in(batch)[1:] == [2, 3, 3]
    assert batch["importance"].dtype == torch.float32
    assert batch["importance"].tolist() == pytest.approx([expected[n] for n in numbers_in(batch)], rel=1e-6)


def test_the_importance_counts_alpha():
    # (4)^½ = 2 and (1)^½ = 1: P is ⅔ and ⅓, so 4 weighs half as much as 1.
    replay = with_priorities([3, 0], epsilon=1.0, alpha=0.5)
    batches = [replay.sample(2, beta=1.0) for _ in range(50)]
    mixed = [batch for batch in batches if sorted(numbers_in(batch)) == [0, 1]]
    assert mixed
    for batch in mixed:
        importance = dict(zip(numbers_in(batch), batch["importance"].tolist(), strict=True))
        assert importance == pytest.approx({0: 0.5, 1: 1.0}, rel=1e-6)


def test_the_importance_is_by_the_greatest_of_its_batch_not_of_the_buffer():
    # Only episode 2 comes up, so it is the greatest of its batch, although it has the least of all.
    batch = with_priorities([0, 0, 1000], epsilon=1e-9).sample(3, beta=1.0)
    assert numbers_in(batch) == [2, 2, 2]
    assert batch["importance"].tolist() == [1, 1, 1]


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=8),
    st.floats(0, 1),
    st.floats(0.05, 1),
    st.integers(0, 2**32),
)
def test_the_greatest_importance_of_a_batch_is_one_and_rare_episodes_have_more(priorities, beta, alpha, seed):
    replay = with_priorities(priorities, alpha=alpha, seed=seed)
    batch = replay.sample(len(priorities), beta=beta)
    importance, numbers = batch["importance"].numpy(), numbers_in(batch)
    assert importance.max() == 1.0
    assert (importance > 0).all()
    by_priority = importance[np.argsort(np.array(priorities)[numbers], kind="stable")]
    assert (np.diff(by_priority) <= 0).all()


def test_the_recent_part_has_importance_one_and_does_not_scale_the_rest():
    # The recent episode 3 has the least probability, 1/16; its correction would be 4 times that of 2 (¼).
    replay = with_priorities([4, 7, 4, 1], epsilon=1e-12, recent_capacity=1)
    for _ in range(20):
        batch = replay.sample(4, num_recent=1, beta=1.0)
        assert numbers_in(batch)[3] == 3
        priorities = np.array([4, 7, 4, 1])[numbers_in(batch)[:3]]
        assert batch["importance"][:3].tolist() == pytest.approx(
            (min(priorities) / priorities).tolist(), rel=1e-6
        )
        assert batch["importance"][3] == 1.0


# Recent episodes


@pytest.mark.parametrize("count", [3, 5, 6, 7, 8, 9, 13])
def test_the_recent_part_holds_only_the_newest_even_after_the_ring_wrapped(count):
    replay = buffer(count, recent_capacity=3)
    replay.update_priorities(np.arange(count - 3, count), np.array([1.0, 2.0, 1.0]))
    recent = {number for _ in range(60) for number in numbers_in(replay.sample(3, num_recent=2))[1:]}
    assert recent == {count - 3, count - 2, count - 1}


def test_the_recent_part_comes_last_and_the_rest_from_all():
    replay = buffer(5, recent_capacity=2)
    batches = [numbers_in(replay.sample(4, num_recent=2)) for _ in range(100)]
    assert {number for batch in batches for number in batch[2:]} == {3, 4}
    assert {number for batch in batches for number in batch[:2]} == {0, 1, 2, 3, 4}


def test_the_recent_part_is_drawn_in_proportion_too():
    # Of 2, 3 and 4 with priorities 1, 3 and 4, after the ring wrapped between 3 and 4.
    replay = buffer(5, capacity=4, recent_capacity=3, epsilon=1e-12)
    replay.update_priorities(np.arange(1, 5), np.array([100.0, 1, 3, 4]))
    counts = counts_of(replay, 2000, num_recent=1)
    assert counts[:2].tolist() == [0, 0]
    assert chisquare(counts[2:], [250, 750, 1000]).pvalue > 1e-3


def test_the_recent_part_is_stratified():
    # Four draws from a sum of 4, of which 2 has 0, 3 has 2, and 4 and 5 have 1 each: twice, once, once.
    replay = buffer(6, capacity=6, recent_capacity=4, epsilon=1e-15)
    replay.update_priorities(np.arange(2, 6), np.array([0.0, 2.0, 1.0, 1.0]))
    for _ in range(50):
        assert numbers_in(replay.sample(5, num_recent=4))[1:] == [3, 3, 4, 5]


def test_a_batch_may_be_all_recent():
    replay = buffer(5, recent_capacity=3)
    batch = replay.sample(3, num_recent=3, beta=1.0)
    assert set(numbers_in(batch)) <= {2, 3, 4}
    assert batch["importance"].tolist() == [1, 1, 1]


def test_fewer_episodes_than_count_as_recent_are_all_recent():
    replay = buffer(2, recent_capacity=200)
    assert {n for _ in range(30) for n in numbers_in(replay.sample(2, num_recent=2))} == {0, 1}


# Numbers


@pytest.mark.parametrize("count", range(4, 14))
def test_numbers_are_those_of_the_episodes_right_after_every_wrap(count):
    replay = buffer(count, capacity=4)
    drawn = {number for _ in range(30) for number in numbers_in(replay.sample(4, num_recent=2))}
    assert drawn == set(range(count - 4, count))


@pytest.mark.parametrize("count", [0, 3, 5, 8])
@pytest.mark.parametrize("capacity", [2, 3, 5, 10])
def test_numbers_go_on_after_restoring_into_another_capacity(count, capacity):
    other = buffer(7, capacity=capacity)
    other.set_state(round_trip(buffer(count).get_state()))
    stored = list(range(count))[-min(5, capacity) :]
    for new in range(count, count + 2 * capacity):
        # As many draws as episodes of equal priority: one from the part of each.
        assert not stored or sorted(numbers_in(other.sample(len(stored)))) == stored
        other.add(episodes(new, new + 1))
        stored = [*stored, new][-capacity:]


# Updates


def test_priorities_are_known_by_the_numbers_of_their_episodes():
    # Capacity 5 and seven episodes: number 5 lies where 0 was.
    replay = buffer(7)
    replay.update_priorities(np.array([5, 2]), np.array([0.5, 3.0]))
    assert replay.priorities.tolist() == [3, 1, 1, 0.5, 1]
    assert replay._tree.total == pytest.approx(6.5 + 5e-6)


def test_of_a_number_that_occurs_several_times_the_last_priority_counts():
    replay = buffer(3)
    replay.update_priorities(np.array([1, 2, 1]), np.array([5.0, 6.0, 7.0]))
    assert replay.priorities.tolist() == [1, 7, 6]
    assert replay._tree.total == pytest.approx(14 + 3e-6)


def test_tensors_are_taken_as_a_batch_gives_them():
    replay = buffer(3)
    replay.update_priorities(torch.tensor([2, 0]), torch.tensor([0.5, 0.25]))
    assert replay.priorities.tolist() == [0.25, 1, 0.5]


def test_overwritten_episodes_are_left_out():
    replay = buffer(7)
    replay.update_priorities(np.array([0, 1, 2, 6]), np.array([9.0, 9.0, 2.0, 3.0]))
    assert replay.priorities.tolist() == [2, 1, 1, 1, 3]
    replay.update_priorities(np.array([0]), np.array([9.0]))
    replay.update_priorities(np.zeros(0, np.int64), np.zeros(0))
    assert replay.priorities.tolist() == [2, 1, 1, 1, 3]


def assert_refused(replay: PrioritizedMultiAgentReplayBuffer, numbers, priorities, message: str) -> None:
    before, nodes = replay.priorities.tolist(), replay._tree._nodes.tolist()
    with pytest.raises(ValueError, match=message):
        replay.update_priorities(np.array(numbers), np.array(priorities))
    assert replay.priorities.tolist() == before
    assert replay._tree._nodes.tolist() == nodes


@pytest.mark.parametrize("priority", [NAN, INF, -INF, -1.0, -1e-300])
def test_a_bad_priority_is_refused_by_the_number_of_its_episode_and_nothing_is_changed(priority):
    message = (
        rf"^replay buffer: priority {priority} of episode 4 is not allowed; it must be a finite number of 0 "
        r"or more\. No priority was changed\.$"
    )
    assert_refused(buffer(7), [3, 4, 5], [2.0, priority, 2.0], message)
    assert_refused(buffer(7, alpha=0.0), [3, 4, 5], [2.0, priority, 2.0], message)


def test_a_bad_priority_of_an_overwritten_episode_is_refused_as_well():
    assert_refused(buffer(7), [3, 0], [2.0, NAN], "priority nan of episode 0 is not allowed")


@pytest.mark.parametrize("number", [-1, 7, 10**9])
def test_the_number_of_an_episode_that_never_was_is_refused_and_nothing_is_changed(number):
    message = rf"^replay buffer: there is no episode {number}; allowed: 0 … 6\. No priority was changed\.$"
    assert_refused(buffer(7), [3, number], [2.0, 2.0], message)


def test_another_number_of_priorities_than_of_episodes_is_refused():
    assert_refused(buffer(7), [3, 4], [2.0], "1 priorities for 2 episodes")


# Checkpoints


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("count", [0, 2, 5, 8])
def test_a_restored_buffer_draws_the_same_batches(count, alpha):
    replay, rng = buffer(count, alpha=alpha, recent_capacity=2), np.random.default_rng(0)
    if count:
        replay.update_priorities(np.arange(count), rng.random(count))
        replay.sample(1)
    other = with_priorities([9, 8, 7, 6, 5], alpha=alpha, recent_capacity=2, seed=99)
    other.set_state(round_trip(replay.get_state()))
    assert other.priorities.tolist() == replay.priorities.tolist()
    for new in range(count, count + 10):
        for each in (replay, other):
            each.add(episodes(new, new + 1))
            each.update_priorities(np.array([new]), np.array([new / 10]))
        size = min(3, len(replay))
        one, same = (each.sample(size, num_recent=1, beta=0.5) for each in (replay, other))
        assert same_batch(one, same)


@pytest.mark.parametrize("count", [3, 5, 8])
@pytest.mark.parametrize("capacity", [1, 2, 4, 5, 6, 10])
def test_restoring_into_another_capacity_keeps_priorities_with_their_episodes(count, capacity):
    # The priority of an episode is its number plus ½, before and after.
    replay = buffer(count)
    replay.update_priorities(np.arange(count), np.arange(count) + 0.5)
    other = buffer(30, capacity=capacity, epsilon=1e-12)
    other.set_state(round_trip(replay.get_state()))
    stored = np.arange(count)[-min(5, capacity) :]
    assert other.priorities.tolist() == (stored + 0.5).tolist()
    assert other._tree.total == pytest.approx(sum(stored + 0.5))
    for _ in range(20):
        batch = other.sample(len(stored), beta=1.0)
        priorities = np.array(numbers_in(batch)) + 0.5
        assert batch["importance"].tolist() == pytest.approx((min(priorities) / priorities).tolist())
    # New episodes begin with the greatest that was restored, not with what was here before.
    other.add(episodes(count, count + 1))
    assert other.priorities[-1] == count - 0.5


def test_restoring_replaces_the_priorities_that_were_there():
    other = with_priorities([100, 100, 100])
    other.set_state(round_trip(with_priorities([0.5, 0.25]).get_state()))
    assert other.priorities.tolist() == [0.5, 0.25]
    assert other._tree.total == pytest.approx(0.75, rel=1e-5)
    assert {n for _ in range(30) for n in numbers_in(other.sample(2))} == {0, 1}


def test_another_alpha_and_epsilon_count_after_restoring():
    # Priorities 0 and 8: with ε = 1 and α = ½ the masses are 1 and 3.
    other = buffer(capacity=2, alpha=0.5, epsilon=1.0)
    other.set_state(round_trip(with_priorities([0, 8]).get_state()))
    assert other._tree.total == 4.0


@pytest.mark.parametrize("capacity", [2, 5, 9])
def test_episodes_of_a_uniform_buffer_are_restored_with_priority_one(capacity):
    uniform = MultiAgentReplayBuffer(SPEC, capacity=5, seed=0)
    uniform.add(episodes(0, 7))
    other = with_priorities([3] * capacity)
    other.set_state(round_trip(uniform.get_state()))
    assert other.priorities.tolist() == [1] * min(capacity, 5)
    assert {n for _ in range(40) for n in numbers_in(other.sample(2))} == set(range(7 - min(capacity, 5), 7))


def test_a_uniform_buffer_restores_the_episodes_of_a_prioritized_one():
    uniform = MultiAgentReplayBuffer(SPEC, capacity=5, seed=0)
    uniform.set_state(round_trip(buffer(7).get_state()))
    assert sorted(numbers_in(uniform.sample(5))) == [2, 3, 4, 5, 6]


def test_a_saved_state_does_not_change_with_the_buffer():
    replay = with_priorities([1, 2, 3])
    state = replay.get_state()
    replay.update_priorities(np.array([0]), np.array([9.0]))
    assert state["priorities"].tolist() == [1, 2, 3]
    assert len(buffer(2, capacity=1000).get_state()["priorities"]) == 2


def test_it_is_saved_to_and_rebuilt_from_a_folder(tmp_path):
    replay = buffer(6, capacity=4, alpha=0.6, epsilon=0.01, recent_capacity=2, seed=3)
    replay.update_priorities(np.arange(6), np.arange(6.0))
    replay.save_to_path(tmp_path)
    again = PrioritizedMultiAgentReplayBuffer.from_checkpoint(tmp_path)
    assert (again.capacity, again.recent_capacity) == (4, 2)
    assert (again.alpha, again.epsilon) == (0.6, 0.01)
    assert again.priorities.tolist() == [2, 3, 4, 5]
    one, same = (each.sample(3, num_recent=1, beta=0.4) for each in (replay, again))
    assert same_batch(one, same)


# Settings and memory


@pytest.mark.parametrize("alpha", [-0.1, 1.1, NAN, INF, "1", None, True])
def test_a_bad_alpha_is_refused(alpha):
    with pytest.raises(SettingError, match=rf"^prioritized_replay_alpha: {alpha!r} is .*\[0, 1\]\.$"):
        buffer(alpha=alpha)


@pytest.mark.parametrize("epsilon", [0, -0.1, 1.1, NAN, INF, "1", None, True])
def test_a_bad_epsilon_is_refused(epsilon):
    with pytest.raises(SettingError, match=rf"^prioritized_replay_epsilon: {epsilon!r} is .*\(0, 1\]\.$"):
        buffer(epsilon=epsilon)


@pytest.mark.parametrize(
    ("setting", "name"),
    [("capacity", "replay_buffer_capacity"), ("recent_capacity", "recent_episodes_capacity")],
)
@pytest.mark.parametrize("value", [0, -3, 2.5, "10", None])
def test_bad_capacities_are_refused(setting, name, value):
    with pytest.raises(SettingError, match=rf"^{name}: {value!r} is "):
        buffer(**{setting: value})


@pytest.mark.parametrize("capacity", [1, 7, 8, 9, 1000])
def test_the_stated_memory_is_what_the_arrays_take(capacity):
    replay = buffer(capacity=capacity)
    arrays = [*replay._arrays.values(), replay._lengths, replay._lives, replay._terminated]
    arrays += [replay._priorities, replay._tree._nodes]
    stated = PrioritizedMultiAgentReplayBuffer.bytes_needed(SPEC, capacity)
    assert stated == sum(array.nbytes for array in arrays)


def test_the_stated_memory_worked_by_hand():
    # To what the episodes take: 10 priorities of 8 bytes, and a tree of 16 leaves in 32 nodes of 8 bytes.
    episodes_alone = MultiAgentReplayBuffer.bytes_needed(SPEC, 10)
    assert PrioritizedMultiAgentReplayBuffer.bytes_needed(SPEC, 10) == episodes_alone + 80 + 256


def test_both_buffers_are_known_by_name():
    assert REPLAY_BUFFERS["uniform"] is MultiAgentReplayBuffer
    assert REPLAY_BUFFERS["prioritized"] is PrioritizedMultiAgentReplayBuffer


# Any sequence of calls, against a dict

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 9)),
        st.tuples(
            st.just("update"),
            st.lists(st.tuples(st.integers(0, 99), st.floats(0, 100)), max_size=6),
        ),
        st.tuples(st.just("bad update"), st.sampled_from([NAN, INF, -1.0])),
        st.tuples(st.just("sample"), st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))),
        st.tuples(st.just("restore"), st.integers(1, 9)),
    ),
    max_size=20,
)


@given(STEPS, st.integers(1, 9), st.integers(1, 4), st.sampled_from([0.3, 1.0]))
def test_whatever_is_done_priorities_stay_with_their_episodes(steps, capacity, recent_capacity, alpha):
    settings = {"recent_capacity": recent_capacity, "alpha": alpha, "epsilon": 0.01}
    replay = buffer(capacity=capacity, **settings)
    model: dict[int, float] = {}  # number -> priority of the stored episodes, oldest first
    added = 0

    def mass(number: int) -> float:
        return (model[number] + 0.01) ** alpha

    for step, value in steps:
        if step == "add":
            replay.add(episodes(added, added + value))
            greatest = max(model.values(), default=1.0)
            model |= dict.fromkeys(range(added, added + value), greatest)
            added += value
        elif step == "update":
            changes = [(number % added, priority) for number, priority in value if added]
            replay.update_priorities(np.array([n for n, _ in changes]), np.array([p for _, p in changes]))
            model |= {number: priority for number, priority in changes if number in model}
        elif step == "bad update" and added:
            with pytest.raises(ValueError, match=f"of episode {added - 1} is not allowed"):
                replay.update_priorities(np.array([0, added - 1]), np.array([1.0, value]))
        elif step == "sample" and model:
            share, recent_share, beta = value
            size = 1 + round(share * (len(model) - 1))
            recent = round(recent_share * min(size, recent_capacity))
            batch = replay.sample(size, num_recent=recent, beta=beta)
            numbers = numbers_in(batch)
            assert set(numbers) <= set(model)
            assert set(numbers[size - recent :]) <= set(list(model)[-recent_capacity:])
            assert batch["lengths"].tolist() == [number % 6 + 1 for number in numbers]
            correction = [mass(number) ** -beta for number in numbers[: size - recent]]
            expected = [each / max(correction) for each in correction] + [1.0] * recent
            assert batch["importance"].tolist() == pytest.approx(expected, rel=1e-5)
        elif step == "restore":
            state, capacity = round_trip(replay.get_state()), value
            replay = buffer(6, capacity=capacity, **settings)
            replay.set_state(state)
        model = dict(list(model.items())[-capacity:])

        assert replay.priorities.tolist() == list(model.values())
        slots = replay._slots_of(np.array(list(model), np.int64))
        assert replay._tree[slots].tolist() == pytest.approx([mass(number) for number in model], rel=1e-12)
        assert replay._tree.total == pytest.approx(math.fsum(map(mass, model)), rel=1e-12)
