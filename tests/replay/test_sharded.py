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
def buffer_of_three(ray_session):
    buffer = ShardedReplayBuffer(SPEC, num_shards=3, **SETTINGS)
    yield buffer
    buffer.stop()


@pytest.fixture(scope="module")
def buffer_of_two(ray_session):
    buffer = ShardedReplayBuffer(SPEC, num_shards=2, **(SETTINGS | {"capacity": 8, "alpha": 0.0}))
    yield buffer
    buffer.stop()


@pytest.fixture
def three(buffer_of_three):
    """Three shards, 7 episodes, by priority; as new."""
    buffer_of_three.set_state(in_one_process().get_state())
    return buffer_of_three


@pytest.fixture
def two(buffer_of_two):
    """Two shards, 8 episodes, uniformly; as new."""
    buffer_of_two.set_state(in_one_process(capacity=8).get_state())
    wait_until_all_are_ready(buffer_of_two)
    return buffer_of_two


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


def rewards_in(buffer, count):
    """The first rewards of a batch, by which the tests' episodes are known, in order."""
    return sorted(buffer.sample(count)["rewards"][:, 0].tolist())


@pytest.mark.slow
def test_batches_are_those_of_the_buffer_in_one_process(three):
    single = in_one_process()
    rng = np.random.default_rng(0)
    for first, end in (
        (0, 4),
        (4, 9),
        (9, 12),
        (12, 30),
    ):  # Not full, overwriting, more than the capacity at once.
        for buffer in (three, single):
            buffer.add(episodes(first, end))
        assert len(three) == len(single)
        for _ in range(3):
            drawn = [buffer.sample(4, num_recent=1, beta=0.5) for buffer in (three, single)]
            numbers_in(drawn[0])
            assert same_batch(*drawn)
            priorities = rng.random(4)
            for buffer in (three, single):
                buffer.update_priorities(drawn[0]["numbers"].numpy(), priorities)
        assert three.priorities.tolist() == single.priorities.tolist()
    with pytest.raises(TooFewEpisodes, match="8 episodes asked for, 7 are stored"):
        three.sample(8)


@pytest.mark.slow
def test_a_state_fits_any_number_of_shards_and_any_capacity(three, two):
    three.add(episodes(0, 11))
    three.update_priorities(np.arange(4, 11), np.arange(4.0, 11.0))
    state, single = three.get_state(), in_one_process(11)
    for name, values in single.get_state()["arrays"].items():
        assert np.array_equal(values, state["arrays"][name])
    single.set_state(state)
    three.set_state(single.get_state())
    assert three.priorities.tolist() == list(range(4, 11))
    for _ in range(2):
        assert same_batch(three.sample(5, num_recent=2), single.sample(5, num_recent=2))
        for buffer in (three, single):
            buffer.add(episodes(11, 13))

    two.set_state(state)  # 7 episodes into 8 slots
    assert sorted(numbers_in(two.sample(7))) == list(range(4, 11))
    two.add(episodes(11, 15))
    assert sorted(numbers_in(two.sample(8))) == list(range(7, 15))
    three.set_state(two.get_state())  # 8 into 7
    assert three.priorities.tolist() == [8, 9, 10, 10, 10, 10, 10]
    assert set(numbers_in(three.sample(7))) <= set(range(8, 15))


@pytest.mark.slow
def test_what_was_saved_is_restored_whatever_the_number_of_shards(three, two, tmp_path):
    three.add(episodes(0, 11))
    three.update_priorities(np.arange(4, 11), np.arange(4.0, 11.0))
    three.save_to_path(tmp_path / "three")
    single, following = in_one_process(), [three.sample(5, num_recent=2) for _ in range(2)]
    assert sorted(path.name for path in (tmp_path / "three").glob("shard_*")) == [
        "shard_0",
        "shard_1",
        "shard_2",
    ]

    three.add(episodes(20, 25))
    for buffer in (three, single):
        restore_replay(buffer, tmp_path / "three")
        assert buffer.priorities.tolist() == list(range(4, 11))
        assert all(same_batch(buffer.sample(5, num_recent=2), batch) for batch in following)
    restore_replay(two, tmp_path / "three")
    assert sorted(numbers_in(two.sample(7))) == list(range(4, 11))

    # And from one process to shards.
    single.add(episodes(11, 13))
    single.save_to_path(tmp_path / "single")
    restore_replay(three, tmp_path / "single")
    for _ in range(2):
        assert same_batch(three.sample(5), single.sample(5))
        for buffer in (three, single):
            buffer.add(episodes(13, 14))


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
    assert rewards_in(two, 7) == list(range(7))
    # Its numbers start again: nothing of the earlier one may be taken for what is stored now.
    two.set_state(in_one_process(capacity=8).get_state())
    two.add(episodes(10, 15))
    two.save_to_path(tmp_path / "c", previous=tmp_path / "b")
    assert all(file.stat().st_nlink == 1 for file in (tmp_path / "c").rglob("episodes*"))
    restore_replay(two, tmp_path / "c")
    assert rewards_in(two, 5) == list(range(10, 15))


@pytest.mark.slow
def test_shards_that_do_not_see_the_folder_send_and_fetch_their_files(two, tmp_path):
    def blind(_):
        from rllib_remix.replay import shard

        shard._sees = lambda mark: False

    in_shards(two, blind)
    two.add(episodes(0, 11))
    two.save_to_path(tmp_path / "saved")
    two.add(episodes(11, 13))
    restore_replay(two, tmp_path / "saved")
    assert rewards_in(two, 8) == list(range(3, 11))
    single = in_one_process(capacity=8)
    restore_replay(single, tmp_path / "saved")
    assert rewards_in(single, 8) == list(range(3, 11))


@pytest.mark.slow
def test_an_episode_whose_owner_died_is_left_out(three):
    @ray.remote(num_cpus=0)
    class Player:
        def play(self):
            return [EpisodeInStore.put(episode(number)) for number in (1, 2)]

    player = Player.remote()
    lost = ray.get(player.play.remote())
    ray.kill(player)
    time.sleep(1.0)
    three.add([EpisodeInStore.put(episode(0)), *lost, EpisodeInStore.put(episode(3))])
    assert len(three) == 2
    assert three.episodes_lost == 2
    assert sorted(numbers_in(three.sample(2, num_recent=2))) in ([0, 0], [0, 3], [3, 3])


@pytest.mark.slow
def test_a_killed_shard_is_made_anew_and_only_its_episodes_are_lost(two, three, caplog):
    two.add(episodes(0, 8))
    kill(two, 1)
    with caplog.at_level("WARNING", logger="ray.rllib"):
        assert sorted(numbers_in(two.sample(4))) == [0, 2, 4, 6]
    assert len(two) == 4
    assert "Shard 1 of the replay buffer's 2 is lost with 4 episodes" in caplog.text
    assert (two.shards_lost, two.episodes_lost) == (1, 4)
    with pytest.raises(TooFewEpisodes):
        two.sample(5)

    # What is added while the new one starts waits for it and is not lost.
    two.add(episodes(8, 10))
    wait_until_all_are_ready(two)
    assert sorted(numbers_in(two.sample(5))) == [2, 4, 6, 8, 9]
    two.update_priorities(np.array([3, 9]), np.array([1.0, 2.0]))  # One of them is gone.

    # What was lost leaves no gap in a state.
    three.set_state(two.get_state())
    assert {2, 4, 6, 8, 9} >= set(rewards_in(three, 5))
    assert (three.shards_lost, three.episodes_lost) == (1, 4)
    three.add(episodes(10, 12))
    assert len(three) == 7


@pytest.mark.slow
def test_a_shard_that_does_not_answer_is_made_anew(two, monkeypatch):
    two.add(episodes(0, 8))
    os.kill(pid_of(two, 0), signal.SIGSTOP)
    monkeypatch.setattr(shards, "SECONDS_TO_ANSWER", 0.5)
    two.add(episodes(8, 9))
    monkeypatch.undo()
    assert (two.shards_lost, two.episodes_lost) == (1, 3)  # 0 had to go.
    assert rewards_in(two, 4) == [1, 3, 5, 7]
    # What the old one was given and did not take is in the new one.
    wait_until_all_are_ready(two)
    assert rewards_in(two, 5) == [1, 3, 5, 7, 8]


@pytest.mark.slow
def test_a_shard_that_finds_no_place_is_an_error_that_says_so(ray_session, monkeypatch):
    monkeypatch.setattr(shards, "SECONDS_TO_START", 1.0)
    monkeypatch.setattr("rllib_remix.replay.placement.CPUS_OF_SHARD", 1000)
    with pytest.raises(
        RuntimeError,
        match=r"num_replay_shards: 2 shards .* Ray found no place within 1 s for actors that need 1000 CPUs and 0.5 GiB",
    ):
        ShardedReplayBuffer(SPEC, num_shards=2, **SETTINGS)
