"""A replay buffer in several processes: the same batches as in one, and what it survives."""

import os
import signal
import time

import numpy as np
import pytest
import ray

from rllib_remix.replay import shards
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.index import TooFewEpisodes
from rllib_remix.replay.placement import shard_bundle, shard_capacities
from rllib_remix.replay.prioritized import PrioritizedMultiAgentReplayBuffer
from rllib_remix.replay.saved import restore_replay
from rllib_remix.replay.sharded import ShardedReplayBuffer
from rllib_remix.rollout.episode_in_store import EpisodeInStore
from tests.replay.test_prioritized import SPEC, episode, episodes, numbers_in, same_batch

SETTINGS = {"capacity": 7, "recent_capacity": 3, "alpha": 1.0, "seed": 0}


def test_capacities_are_even_and_add_up():
    assert shard_capacities(7, 3) == [3, 2, 2]
    assert shard_capacities(6, 2) == [3, 3]


def test_a_shard_asks_for_the_memory_of_its_episodes():
    small, large = shard_bundle(SPEC, 10), shard_bundle(SPEC, 20)
    assert large["memory"] - small["memory"] == MultiAgentReplayBuffer.bytes_needed(SPEC, 10)
    assert "memory" not in shard_bundle(None, 10)


# A shard takes seconds to start, so all tests share two buffers.


@pytest.fixture(scope="module")
def buffer_of_two(ray_session):
    buffer = ShardedReplayBuffer(SPEC, num_shards=2, **SETTINGS)
    yield buffer
    buffer.stop()


@pytest.fixture(scope="module")
def buffer_of_one(ray_session):
    buffer = ShardedReplayBuffer(SPEC, num_shards=1, **(SETTINGS | {"capacity": 8}))
    yield buffer
    buffer.stop()


@pytest.fixture
def two(buffer_of_two):
    """Two shards, 7 episodes, by priority; as new."""
    buffer_of_two.set_state(in_one_process().get_state())
    wait_until_all_are_ready(buffer_of_two)
    return buffer_of_two


@pytest.fixture
def one(buffer_of_one):
    """One shard, 8 episodes, by priority; as new."""
    buffer_of_one.set_state(in_one_process(capacity=8).get_state())
    return buffer_of_one


def in_one_process(count=0, **settings):
    buffer = PrioritizedMultiAgentReplayBuffer(SPEC, **(SETTINGS | settings))
    buffer.add(episodes(0, count))
    return buffer


def in_shards(buffer, function):
    """What a function that is no module's, so that Ray ships it whole, returns in every shard's process."""
    return ray.get([shard.actor.__ray_call__.remote(function) for shard in buffer._shards])


def pid_of(buffer, which):
    return in_shards(buffer, lambda _: os.getpid())[which]


def kill(buffer, which):
    """As the system does when memory runs out; returns when Ray has noticed."""
    os.kill(pid_of(buffer, which), signal.SIGKILL)
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(buffer._shards[which].actor.add_from_store.remote([]), timeout=30)


def wait_until_all_are_ready(buffer, seconds=100):
    deadline = time.monotonic() + seconds
    while not all(shard.is_ready for shard in buffer._shards):
        assert time.monotonic() < deadline
        buffer._shards.settle(buffer._note)
        time.sleep(0.05)


def stored_in(buffer):
    """The first rewards of all episodes, by which the tests' episodes are known, in order."""
    return sorted(buffer.get_state()["arrays"]["rewards"][:, 0].tolist())


@pytest.mark.slow
def test_batches_are_those_of_the_buffer_in_one_process(two):
    single = in_one_process()
    rng = np.random.default_rng(0)
    for first, end in (
        (0, 4),
        (4, 9),
        (9, 12),
        (12, 30),
    ):  # Not full, overwriting, more than the capacity at once.
        for buffer in (two, single):
            buffer.add(episodes(first, end))
        assert len(two) == len(single)
        for _ in range(3):
            drawn = [buffer.sample(4, num_recent=1, beta=0.5) for buffer in (two, single)]
            numbers_in(drawn[0])
            assert same_batch(*drawn)
            priorities = rng.random(4)
            for buffer in (two, single):
                buffer.update_priorities(drawn[0]["numbers"].numpy(), priorities)
        assert two.priorities.tolist() == single.priorities.tolist()
    with pytest.raises(TooFewEpisodes, match="8 episodes asked for, 7 are stored"):
        two.sample(8)
    with pytest.raises(ValueError, match=r"^replay buffer: an episode of 7 steps; allowed: 1 … 6\.$"):
        two.add([episode(0, 7)])


@pytest.mark.slow
def test_a_state_fits_any_number_of_shards_and_any_capacity(two, one):
    two.add(episodes(0, 11))
    two.update_priorities(np.arange(4, 11), np.arange(4.0, 11.0))
    state, single = two.get_state(), in_one_process(11)
    for name, values in single.get_state()["arrays"].items():
        assert np.array_equal(values, state["arrays"][name])
    single.set_state(state)
    two.set_state(single.get_state())
    assert two.priorities.tolist() == list(range(4, 11))
    for _ in range(2):
        assert same_batch(two.sample(5, num_recent=2), single.sample(5, num_recent=2))
        for buffer in (two, single):
            buffer.add(episodes(11, 13))

    one.set_state(state)  # 7 episodes into 8 slots
    assert stored_in(one) == list(range(4, 11))
    one.add(episodes(11, 15))
    assert stored_in(one) == list(range(7, 15))
    two.set_state(one.get_state())  # 8 into 7
    assert two.priorities.tolist() == [8, 9, 10, 10, 10, 10, 10]
    assert set(numbers_in(two.sample(7))) <= set(range(8, 15))


@pytest.mark.slow
def test_what_was_saved_is_restored_whatever_the_number_of_shards(two, one, tmp_path):
    two.add(episodes(0, 11))
    two.update_priorities(np.arange(4, 11), np.arange(4.0, 11.0))
    two.save_to_path(tmp_path / "two")
    single, following = in_one_process(), [two.sample(5, num_recent=2) for _ in range(2)]
    assert sorted(path.name for path in (tmp_path / "two").glob("shard_*")) == ["shard_0", "shard_1"]

    two.add(episodes(20, 25))
    for buffer in (two, single):
        restore_replay(buffer, tmp_path / "two")
        assert buffer.priorities.tolist() == list(range(4, 11))
        assert all(same_batch(buffer.sample(5, num_recent=2), batch) for batch in following)
    restore_replay(one, tmp_path / "two")
    assert stored_in(one) == list(range(4, 11))
    assert one.priorities.tolist() == list(range(4, 11))

    # And from one process to shards.
    single.add(episodes(11, 13))
    single.save_to_path(tmp_path / "single")
    restore_replay(two, tmp_path / "single")
    for _ in range(2):
        assert same_batch(two.sample(5), single.sample(5))
        for buffer in (two, single):
            buffer.add(episodes(13, 14))


@pytest.mark.slow
def test_a_damaged_part_is_an_error_of_one_line(two, tmp_path):
    two.add(episodes(0, 4))
    two.save_to_path(tmp_path)
    (file,) = (tmp_path / "shard_1").glob("episodes*")
    file.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=rf"^{file.name}: [^\n]*$"):
        restore_replay(two, tmp_path)


@pytest.mark.slow
def test_a_save_links_what_an_earlier_one_wrote(two, tmp_path):
    def shorten_chunks(_):
        from rllib_remix.replay import chunks

        chunks.CHUNK_EPISODES = 2

    in_shards(two, shorten_chunks)
    two.add(episodes(0, 5))
    two.save_to_path(tmp_path / "a")
    two.add(episodes(5, 7))
    two.save_to_path(tmp_path / "b", previous=tmp_path / "a")
    linked = [file.name for file in (tmp_path / "b").rglob("episodes*") if file.stat().st_nlink > 1]
    assert linked == ["episodes_000000000_000000002.safetensors"] * 2
    two.add(episodes(7, 10))
    restore_replay(two, tmp_path / "b")
    assert stored_in(two) == list(range(7))
    # Its numbers start again: nothing of the earlier one may be taken for what is stored now.
    two.set_state(in_one_process().get_state())
    two.add(episodes(10, 15))
    two.save_to_path(tmp_path / "c", previous=tmp_path / "b")
    assert all(file.stat().st_nlink == 1 for file in (tmp_path / "c").rglob("episodes*"))
    restore_replay(two, tmp_path / "c")
    assert stored_in(two) == list(range(10, 15))


@pytest.mark.slow
def test_shards_that_do_not_see_the_folder_send_and_fetch_their_files(one, tmp_path):
    def blind(_):
        from rllib_remix.replay import shard

        shard._sees = lambda mark: False

    in_shards(one, blind)
    one.add(episodes(0, 11))
    one.save_to_path(tmp_path / "saved")
    one.add(episodes(11, 13))
    restore_replay(one, tmp_path / "saved")
    assert stored_in(one) == list(range(3, 11))
    single = in_one_process(capacity=8)
    restore_replay(single, tmp_path / "saved")
    assert stored_in(single) == list(range(3, 11))


@pytest.mark.slow
def test_an_episode_whose_owner_died_is_left_out(two):
    @ray.remote(num_cpus=0)
    class Player:
        def play(self):
            return [EpisodeInStore.put(episode(number)) for number in (1, 2)]

    player = Player.remote()
    lost = ray.get(player.play.remote())
    ray.kill(player)
    time.sleep(1.0)
    two.add([EpisodeInStore.put(episode(0)), *lost, EpisodeInStore.put(episode(3))])
    assert (len(two), two.episodes_lost) == (2, 2)
    assert stored_in(two) == [0, 3]
    assert set(numbers_in(two.sample(2, num_recent=2))) <= {0, 3}


@pytest.mark.slow
def test_a_killed_shard_is_made_anew_and_only_its_episodes_are_lost(two, one, caplog):
    two.add(episodes(0, 7))
    kill(two, 1)
    with caplog.at_level("WARNING", logger="ray.rllib"):
        assert set(numbers_in(two.sample(4))) <= {0, 2, 4, 6}
    assert len(two) == 4
    assert "Shard 1 of the replay buffer's 2 is lost with 3 episodes" in caplog.text
    assert (two.shards_lost, two.episodes_lost) == (1, 3)
    with pytest.raises(TooFewEpisodes):
        two.sample(5)

    # What is added while the new one starts waits for it and is not lost.
    two.add(episodes(7, 9))
    wait_until_all_are_ready(two)
    assert stored_in(two) == [2, 4, 6, 7, 8]
    two.update_priorities(np.array([3, 8]), np.array([1.0, 2.0]))  # One of them is gone.

    # What was lost leaves no gap in a state.
    one.set_state(two.get_state())
    assert stored_in(one) == [2, 4, 6, 7, 8]
    assert one.priorities.tolist() == [1, 1, 1, 1, 2]
    assert (one.shards_lost, one.episodes_lost) == (1, 3)
    one.add(episodes(9, 12))
    assert len(one) == 8


@pytest.mark.slow
def test_a_shard_that_does_not_answer_is_made_anew(two, monkeypatch):
    two.add(episodes(0, 7))
    os.kill(pid_of(two, 1), signal.SIGSTOP)
    monkeypatch.setattr(shards, "SECONDS_TO_ANSWER", 2.0)
    two.add(episodes(7, 9))  # Into slots 0 and 1.
    monkeypatch.undo()
    assert (two.shards_lost, two.episodes_lost) == (1, 2)  # 1 had to go.
    # What the old one was given and did not take is in the new one.
    wait_until_all_are_ready(two)
    assert stored_in(two) == [2, 4, 6, 7, 8]


@pytest.mark.slow
def test_a_shard_that_finds_no_place_is_an_error_that_says_so(ray_session, monkeypatch):
    monkeypatch.setattr(shards, "SECONDS_TO_START", 1.0)
    monkeypatch.setattr("rllib_remix.replay.placement.CPUS_OF_SHARD", 1000)
    with pytest.raises(
        RuntimeError, match=r"num_replay_shards: the 2 shards .* 1000 CPUs and 0\.5 GiB of memory each"
    ):
        ShardedReplayBuffer(SPEC, num_shards=2, **SETTINGS)
