import os
import pickle
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.rollout.episode import TeamEpisode

SPEC = TeamSpec(
    n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=6, obs_dtype="uint8", state_dtype="int16"
)
FIELDS = ("obs", "state", "avail_actions", "actions", "rewards")


def episode(length: int, number: int = 1, *, terminated: bool = False) -> TeamEpisode:
    """An episode whose arrays hold its number everywhere, so that it is known wherever it turns up."""
    return TeamEpisode(
        obs=np.full((length + 1, 2, 4), number, np.uint8),
        state=np.full((length + 1, 5), number, np.int16),
        avail_actions=np.ones((length + 1, 2, 3), np.bool_),
        actions=np.full((length, 2), number % 3, np.int16),
        rewards=np.full(length, number, np.float32),
        terminated=terminated,
        truncated=not terminated,
        info={},
    )


def buffer(capacity: int = 5, *, seed: int = 0, episodes=()) -> MultiAgentReplayBuffer:
    result = MultiAgentReplayBuffer(SPEC, capacity=capacity, seed=seed)
    result.add(list(episodes))
    return result


def stored(replay: MultiAgentReplayBuffer) -> list[int]:
    """Numbers of the stored episodes, sorted."""
    return sorted(replay.sample(len(replay))["rewards"][:, 0].int().tolist()) if len(replay) else []


def same_batch(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# Storing


def test_an_empty_buffer_has_length_zero_and_grows_to_its_capacity():
    replay = buffer(3)
    assert len(replay) == 0
    for number in range(1, 6):
        replay.add([episode(2, number)])
        assert len(replay) == min(number, 3)


def test_the_oldest_episodes_are_overwritten():
    replay = buffer(3, episodes=[episode(2, number) for number in range(1, 6)])
    assert stored(replay) == [3, 4, 5]
    replay.add([episode(2, 6)])
    assert stored(replay) == [4, 5, 6]


def test_more_episodes_at_once_than_fit_leave_the_newest():
    assert stored(buffer(3, episodes=[episode(1, number) for number in range(1, 12)])) == [9, 10, 11]


def test_what_was_stored_comes_back_in_the_dtypes_of_the_environment():
    rng = np.random.default_rng(0)
    played = TeamEpisode(
        obs=rng.integers(0, 256, (4, 2, 4)).astype(np.uint8),
        state=rng.integers(-999, 999, (4, 5)).astype(np.int16),
        avail_actions=rng.random((4, 2, 3)) < 0.5,
        actions=rng.integers(0, 3, (3, 2)).astype(np.int16),
        rewards=rng.normal(size=3).astype(np.float32),
        terminated=True,
        truncated=False,
        info={},
    )
    batch = buffer(episodes=[played]).sample(1)
    for name in FIELDS:
        expected = torch.from_numpy(getattr(played, name))
        assert batch[name].dtype == expected.dtype
        assert torch.equal(batch[name][0], expected)
    assert (batch["lengths"].tolist(), batch["lengths"].dtype) == ([3], torch.int64)
    assert (batch["terminated"].tolist(), batch["terminated"].dtype) == ([True], torch.bool)
    assert (batch["numbers"].tolist(), batch["numbers"].dtype) == ([0], torch.int64)


def test_a_very_large_action_set_gets_wider_actions():
    small, large = (
        MultiAgentReplayBuffer(SPEC._replace(n_actions=n, episode_limit=1), capacity=1)
        for n in (2**15 - 1, 2**15)
    )
    assert small._arrays["actions"].dtype == np.int16
    assert large._arrays["actions"].dtype == np.int64


def test_the_buffer_keeps_its_own_copy_of_an_episode():
    played = episode(2, 7)
    replay = buffer(episodes=[played])
    played.obs[:] = played.rewards[:] = 0
    assert (replay.sample(1)["obs"] == 7).all()
    assert (replay.sample(1)["rewards"] == 7).all()


def test_a_drawn_batch_does_not_change_with_the_buffer():
    replay = buffer(1, episodes=[episode(2, 7)])
    batch = replay.sample(1)
    replay.add([episode(2, 8)])
    assert (batch["obs"] == 7).all()
    batch["rewards"][:] = 0
    assert (replay.sample(1)["rewards"] == 8).all()


# Batches


def test_a_batch_is_cut_to_its_longest_episode():
    replay = buffer(episodes=[episode(2, 1), episode(4, 2), episode(3, 3)])
    batch = replay.sample(3)
    assert {name: batch[name].shape for name in FIELDS} == {
        "obs": (3, 5, 2, 4),
        "state": (3, 5, 5),
        "avail_actions": (3, 5, 2, 3),
        "actions": (3, 4, 2),
        "rewards": (3, 4),
    }
    assert sorted(batch["lengths"].tolist()) == [2, 3, 4]


def assert_padding_is_zero(batch: dict[str, torch.Tensor]) -> None:
    for i, length in enumerate(batch["lengths"]):
        for name, end in zip(FIELDS, (int(length) + 1,) * 3 + (int(length),) * 2, strict=True):
            assert not batch[name][i, end:].any()
            assert (batch["rewards"][i, :length] != 0).all()


def test_padding_is_zero_after_a_longer_episode_was_overwritten_by_a_shorter():
    replay = buffer(2, episodes=[episode(6, 1), episode(6, 2), episode(2, 3)])
    batch = replay.sample(2)
    assert sorted(batch["lengths"].tolist()) == [2, 6]
    assert_padding_is_zero(batch)


@given(
    st.lists(st.lists(st.integers(1, 6), max_size=4), max_size=8),
    st.integers(1, 4),
    st.integers(1, 4),
    st.data(),
)
def test_a_batch_holds_the_newest_episodes_and_zeros_behind_them(rounds, capacity, other_capacity, data):
    replay, lengths, number = buffer(capacity), {}, 0
    for new in rounds:
        for length in new:
            number += 1
            lengths[number] = length
            replay.add([episode(length, number, terminated=number % 2 == 0)])
        if data.draw(st.booleans()):  # restored into a buffer of another size, which has been used before
            state = pickle.loads(pickle.dumps(replay.get_state()))
            capacity, other_capacity = other_capacity, capacity
            kept = min(len(replay), capacity)
            replay = buffer(capacity, episodes=[episode(6, 200)] * data.draw(st.integers(0, 5)))
            replay.set_state(state)
            lengths = dict(list(lengths.items())[-kept:] if kept else [])
        lengths = dict(list(lengths.items())[-capacity:])
        assert stored(replay) == sorted(lengths)
        if lengths:
            batch = replay.sample(len(replay))
            assert_padding_is_zero(batch)
            for got, length, terminated in zip(
                batch["rewards"][:, 0].tolist(), batch["lengths"], batch["terminated"], strict=True
            ):
                assert length == lengths[got]
                assert terminated == (got % 2 == 0)


# Draws


def test_episodes_are_drawn_without_repetition():
    replay = buffer(8, episodes=[episode(1, number) for number in range(1, 9)])
    for size in (1, 3, 8):
        assert len(set(replay.sample(size)["numbers"].tolist())) == size


def test_every_set_of_episodes_is_drawn_equally_often():
    replay = buffer(5, episodes=[episode(1, number) for number in range(1, 6)])
    counts = dict.fromkeys(combinations(range(5), 2), 0)
    for _ in range(5000):
        counts[tuple(sorted(replay.sample(2)["numbers"].tolist()))] += 1
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_only_stored_episodes_are_drawn_while_the_buffer_fills():
    replay = buffer(100, episodes=[episode(1, 1), episode(1, 2)])
    assert {number for _ in range(50) for number in replay.sample(2)["numbers"].tolist()} == {0, 1}


def test_the_same_seed_draws_the_same_episodes_and_another_seed_others():
    episodes = [episode(1, number) for number in range(1, 51)]
    one, same, other = (buffer(50, seed=seed, episodes=episodes) for seed in (1, 1, 2))
    draws = [[replay.sample(10)["numbers"].tolist() for _ in range(5)] for replay in (one, same, other)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("count", [0, -1, 3])
def test_drawing_none_or_more_than_are_stored_is_refused(count):
    with pytest.raises(ValueError, match=f"{count} episodes asked for, 2 are stored"):
        buffer(episodes=[episode(1), episode(1)]).sample(count)


def test_drawing_from_an_empty_buffer_is_refused():
    with pytest.raises(ValueError, match="1 episodes asked for, 0 are stored"):
        buffer().sample(1)


# Bad episodes


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (episode(0), "an episode of 0 steps; allowed: 1 … 6"),
        (episode(7), "an episode of 7 steps; allowed: 1 … 6"),
        (replace(episode(2), obs=np.zeros((2, 2, 4), np.uint8)), r"episode\.obs has shape \(2, 2, 4\), expected \(3, 2, 4\)"),
        (replace(episode(2), obs=np.zeros((3, 3, 4), np.uint8)), r"episode\.obs has shape"),
        (replace(episode(2), state=np.zeros((3, 4), np.int16)), r"episode\.state has shape \(3, 4\), expected \(3, 5\)"),
        (replace(episode(2), avail_actions=np.zeros((3, 2, 2), bool)), r"episode\.avail_actions has shape"),
        (replace(episode(2), actions=np.zeros((3, 2), np.int16)), r"episode\.actions has shape \(3, 2\), expected \(2, 2\)"),
        (replace(episode(2), rewards=np.zeros((2, 1), np.float32)), r"episode\.rewards has shape \(2, 1\), expected \(2,\)"),
    ],
)  # fmt: skip
def test_a_bad_episode_is_refused_and_none_of_its_batch_is_stored(bad, message):
    replay = buffer(episodes=[episode(3, 1)])
    with pytest.raises(ValueError, match=message):
        replay.add([episode(2, 2), bad])
    assert stored(replay) == [1]
    replay.add([episode(2, 3)])
    assert stored(replay) == [1, 3]


# Checkpoints


def round_trip(state: dict) -> dict:
    return pickle.loads(pickle.dumps(state))


@pytest.mark.parametrize("count", [0, 2, 5, 8])
def test_a_restored_buffer_draws_the_same_episodes(count):
    replay = buffer(5, episodes=[episode(number % 6 + 1, number) for number in range(1, count + 1)])
    if count:
        replay.sample(1)
    other = buffer(5, seed=99)
    other.set_state(round_trip(replay.get_state()))
    assert len(other) == len(replay)
    for number in range(20, 30):
        new = [episode(number % 6 + 1, number)]
        replay.add(new)
        other.add(new)
        assert same_batch(replay.sample(min(3, len(replay))), other.sample(min(3, len(other))))


def test_restoring_replaces_what_was_there():
    other = buffer(5, episodes=[episode(6, number) for number in range(50, 55)])
    other.set_state(round_trip(buffer(5, episodes=[episode(2, 1)]).get_state()))
    assert stored(other) == [1]
    other.add([episode(1, 2)])
    assert stored(other) == [1, 2]
    assert_padding_is_zero(other.sample(2))


@pytest.mark.parametrize("count", [3, 5, 8])
@pytest.mark.parametrize(("capacity", "kept"), [(2, 2), (3, 3), (10, 5)])
def test_restoring_to_another_capacity_keeps_the_newest(count, capacity, kept):
    replay = buffer(5, episodes=[episode(2, number) for number in range(1, count + 1)])
    other = buffer(capacity)
    other.set_state(round_trip(replay.get_state()))
    newest = list(range(1, count + 1))[-min(kept, count) :]
    assert stored(other) == newest
    # And from there on the oldest go first.
    for number in range(100, 100 + capacity):
        other.add([episode(2, number)])
        newest = [*newest, number][-capacity:]
        assert stored(other) == newest


def test_episodes_of_another_environment_are_not_restored():
    other = MultiAgentReplayBuffer(SPEC._replace(obs_dim=9), capacity=5)
    with pytest.raises(
        ValueError, match=r"the checkpoint holds episodes of .*obs_dim=4.*, this run has .*obs_dim=9"
    ):
        other.set_state(buffer(episodes=[episode(2)]).get_state())


def test_a_saved_buffer_is_only_as_large_as_what_it_holds():
    state = buffer(1000, episodes=[episode(2), episode(3)]).get_state()
    assert all(len(array) == 2 for array in state["arrays"].values())


def test_it_is_saved_to_and_rebuilt_from_a_folder(tmp_path):
    replay = buffer(4, seed=3, episodes=[episode(2, number) for number in range(1, 7)])
    replay.save_to_path(tmp_path)
    again = MultiAgentReplayBuffer.from_checkpoint(tmp_path)
    assert again.capacity == 4
    assert same_batch(replay.sample(3), again.sample(3))


# Memory


@pytest.mark.parametrize("capacity", [1, 7])
def test_the_stated_memory_is_what_the_arrays_take(capacity):
    replay = buffer(capacity)
    arrays = [*replay._arrays.values(), replay._lengths, replay._lives, replay._terminated]
    assert MultiAgentReplayBuffer.bytes_needed(SPEC, capacity) == sum(a.nbytes for a in arrays)


def test_the_stated_memory_worked_by_hand():
    # obs 7·2·4, state 7·5·2, available 7·2·3, actions 6·2·2, rewards 6·4, length 4, lives 2·4, terminated 1.
    assert MultiAgentReplayBuffer.bytes_needed(SPEC, 10) == 10 * (56 + 70 + 42 + 24 + 24 + 4 + 8 + 1)


def test_a_buffer_larger_than_the_machine_is_refused_with_what_would_fit(monkeypatch):
    # 229 bytes an episode, as above, and a machine of 2300 bytes: 10 fit.
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 23, "SC_PHYS_PAGES": 100}.__getitem__)
    assert buffer(10).capacity == 10
    with pytest.raises(
        SettingError, match=r"^replay_buffer_capacity: 11 episodes take .*; allowed here: at most 10\.$"
    ):
        buffer(11)


def test_an_absurd_capacity_is_refused_before_anything_is_allocated():
    with pytest.raises(
        SettingError, match=r"^replay_buffer_capacity: 1000000000000000 episodes take .* GiB when .* full"
    ):
        buffer(10**15)


@pytest.mark.parametrize("capacity", [0, -3, 2.5, "10", None])
def test_a_bad_capacity_is_refused(capacity):
    with pytest.raises(SettingError, match=rf"^replay_buffer_capacity: {capacity!r} is "):
        buffer(capacity)


def test_episodes_of_which_not_one_fits_into_the_memory_are_refused_with_their_limit():
    with pytest.raises(
        SettingError, match=r"episode_limit: an episode of 1000000000000 steps takes .* lower it"
    ):
        MultiAgentReplayBuffer(SPEC._replace(episode_limit=10**12), capacity=2)


def test_a_buffer_of_the_same_agents_in_another_order_is_refused_and_of_unknown_ones_taken(tmp_path):
    def of(*agents):
        return MultiAgentReplayBuffer(SPEC._replace(agents=agents), capacity=2, seed=0)

    saved = of("a", "b").save_to_path(str(tmp_path / "replay"))
    of("a", "b").restore_from_path(saved)
    of().restore_from_path(saved)
    with pytest.raises(ValueError, match="holds episodes of"):
        of("b", "a").restore_from_path(saved)
    state = of().get_state()
    del state["spec"]["agents"]  # as versions wrote it that did not know them
    of("b", "a").set_state(state)
