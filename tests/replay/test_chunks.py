"""Saving replay in chunks: what comes back is what was stored, and only new episodes are written."""

import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.replay import chunks
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.prioritized import PrioritizedMultiAgentReplayBuffer
from tests.replay.test_buffer import SPEC, buffer, episode, same_batch


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_EPISODES", 4)


def files(folder) -> dict[str, int]:
    """Name → inode of the episode files."""
    return {file.name: file.stat().st_ino for file in folder.glob("episodes_*")}


def prioritized(capacity: int = 5) -> PrioritizedMultiAgentReplayBuffer:
    return PrioritizedMultiAgentReplayBuffer(SPEC, capacity=capacity, seed=0, measure="remix")


@given(
    capacity=st.integers(1, 13),
    batches=st.lists(st.lists(st.integers(1, 6), max_size=9), min_size=1, max_size=5),
)
def test_a_buffer_restored_from_any_save_of_a_chain_draws_what_the_saved_one_draws(
    tmp_path_factory, capacity, batches
):
    folder, previous, number = tmp_path_factory.mktemp("chain"), None, 0
    replay = buffer(capacity)
    for save, lengths in enumerate(batches):
        for length in lengths:
            number += 1
            replay.add([episode(length, number)])
        previous = folder / str(save)
        replay.save_to_path(previous, previous=folder / str(save - 1) if save else None)
        restored = buffer(capacity, seed=9, episodes=[episode(6, 99)] * 3)  # What it held before is gone.
        restored.restore_from_path(previous)
        assert len(restored) == len(replay)
        if len(replay):
            twin = buffer(capacity)
            twin.set_state(replay.get_state())
            assert same_batch(twin.sample(len(twin)), restored.sample(len(restored)))


def test_full_chunks_are_linked_and_only_new_episodes_are_written(tmp_path):
    replay = buffer(100, episodes=[episode(2, n) for n in range(10)])
    replay.save_to_path(tmp_path / "a")
    replay.add([episode(2, n) for n in range(10, 13)])
    replay.save_to_path(tmp_path / "b", previous=tmp_path / "a")
    before, after = files(tmp_path / "a"), files(tmp_path / "b")
    assert [name[9:28] for name in sorted(before)] == [
        "000000000_000000004",
        "000000004_000000008",
        "000000008_000000010",
    ]
    shared = [name[9:28] for name in after if after[name] == before.get(name)]
    assert sorted(shared) == ["000000000_000000004", "000000004_000000008"]
    assert len(after) == 4


def test_a_save_stands_on_its_own_when_the_one_before_it_is_deleted(tmp_path):
    replay = buffer(100, episodes=[episode(2, n) for n in range(10)])
    replay.save_to_path(tmp_path / "a")
    replay.save_to_path(tmp_path / "b", previous=tmp_path / "a")
    for file in (tmp_path / "a").iterdir():
        file.unlink()
    restored = buffer(100)
    restored.restore_from_path(tmp_path / "b")
    assert len(restored) == 10
    replay.save_to_path(tmp_path / "c", previous=tmp_path / "a")  # Its links are gone: all is written.
    restored.restore_from_path(tmp_path / "c")
    assert len(restored) == 10


def test_saving_where_a_save_is_already_leaves_those_that_share_its_files_alone(tmp_path):
    replay = buffer(100, episodes=[episode(2, n) for n in range(10)])
    replay.save_to_path(tmp_path / "a")
    replay.save_to_path(tmp_path / "b", previous=tmp_path / "a")
    before = {file.name: file.read_bytes() for file in (tmp_path / "b").glob("episodes_*")}
    other = buffer(100, episodes=[episode(2, n) for n in range(50, 56)])
    other.save_to_path(tmp_path / "a")
    assert before == {file.name: file.read_bytes() for file in (tmp_path / "b").glob("episodes_*")}
    assert sum(1 for _ in (tmp_path / "a").glob("episodes_*")) == 2  # nothing of the first buffer is left
    restored = buffer(100)
    restored.restore_from_path(tmp_path / "a")
    assert len(restored) == 6
    replay.save_to_path(tmp_path / "b", previous=tmp_path / "b")
    restored.restore_from_path(tmp_path / "b")
    assert len(restored) == 10


def test_chunks_of_overwritten_episodes_are_left_behind(tmp_path):
    replay = buffer(5, episodes=[episode(2, n) for n in range(6)])
    replay.save_to_path(tmp_path / "a")
    replay.add([episode(2, n) for n in range(6, 20)])
    replay.save_to_path(tmp_path / "b", previous=tmp_path / "a")
    assert not files(tmp_path / "a").keys() & files(tmp_path / "b").keys()
    restored = buffer(5)
    restored.restore_from_path(tmp_path / "b")
    assert restored.sample(5)["numbers"].sort().values.tolist() == [15, 16, 17, 18, 19]


def test_a_smaller_buffer_takes_the_newest_and_a_larger_one_all(tmp_path):
    replay = buffer(8, episodes=[episode(2, n) for n in range(11)])
    replay.save_to_path(tmp_path / "a")
    for capacity, expected in ((3, [8, 9, 10]), (20, list(range(3, 11)))):
        other = buffer(capacity)
        other.restore_from_path(tmp_path / "a")
        assert sorted(other.sample(len(other))["numbers"].tolist()) == expected
        other.add([episode(3, 50)])
        assert 11 in other.sample(len(other))["numbers"]


def test_priorities_come_back_with_their_episodes(tmp_path):
    replay = prioritized()
    replay.add([episode(2, n) for n in range(7)])
    replay.update_priorities(np.arange(2, 7), np.array([0.5, 0.25, 4.0, 0.0, 2.0]))
    replay.save_to_path(tmp_path / "a")
    for capacity, expected in ((5, [0.5, 0.25, 4.0, 0.0, 2.0]), (2, [0.0, 2.0])):
        other = prioritized(capacity)
        other.restore_from_path(tmp_path / "a")
        np.testing.assert_array_equal(other.priorities, expected)
    assert same_batch(replay.sample(4), restored_draw(tmp_path / "a"))


def restored_draw(folder):
    other = prioritized()
    other.restore_from_path(folder)
    return other.sample(4)


def test_priorities_that_measured_something_else_are_set_to_one(tmp_path):
    replay = prioritized()
    replay.add([episode(2, n) for n in range(3)])
    replay.update_priorities(np.arange(3), np.array([0.5, 0.25, 4.0]))
    replay.save_to_path(tmp_path / "a")
    other = PrioritizedMultiAgentReplayBuffer(SPEC, capacity=5, measure="macpo")
    other.restore_from_path(tmp_path / "a")
    np.testing.assert_array_equal(other.priorities, np.ones(3))
    uniform = MultiAgentReplayBuffer(SPEC, capacity=5)
    uniform.restore_from_path(tmp_path / "a")
    uniform.save_to_path(tmp_path / "u")
    other.restore_from_path(tmp_path / "u")
    np.testing.assert_array_equal(other.priorities, np.ones(3))


def test_episodes_of_other_sizes_are_refused_before_anything_changes(tmp_path):
    other = MultiAgentReplayBuffer(SPEC._replace(obs_dim=7), capacity=5)
    buffer(episodes=[episode(2)]).save_to_path(tmp_path / "a")
    with pytest.raises(ValueError, match="holds episodes of"):
        other.restore_from_path(tmp_path / "a")
    assert len(other) == 0


def test_a_damaged_chunk_is_a_value_error(tmp_path):
    buffer(episodes=[episode(2)]).save_to_path(tmp_path / "a")
    (file,) = (tmp_path / "a").glob("episodes_*")
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(ValueError, match="episodes_"):
        buffer().restore_from_path(tmp_path / "a")


def test_without_links_everything_is_written(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(18, "Invalid cross-device link")

    replay = buffer(100, episodes=[episode(2, n) for n in range(10)])
    replay.save_to_path(tmp_path / "a")
    monkeypatch.setattr(os, "link", no_links)
    replay.save_to_path(tmp_path / "b", previous=tmp_path / "a")
    restored = buffer(100)
    restored.restore_from_path(tmp_path / "b")
    assert len(restored) == 10


def test_the_index_is_json_with_what_is_needed_to_read_the_files_elsewhere(tmp_path):
    buffer(episodes=[episode(3, 2)]).save_to_path(tmp_path / "a")
    index = json.loads((tmp_path / "a" / "index.json").read_text())
    assert index["spec"]["n_agents"] == 2
    assert index["chunks"] == [[0, 1]]
