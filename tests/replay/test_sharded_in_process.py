"""The sharded replay buffer with shards that are no actors: the same episodes as in one process, whatever it does."""

from types import SimpleNamespace

import numpy as np
import pytest
import ray

from rllib_remix.replay import shards
from rllib_remix.replay.prioritized import PrioritizedMultiAgentReplayBuffer
from rllib_remix.replay.saved import restore_replay
from rllib_remix.replay.shard import ReplayShard
from rllib_remix.replay.sharded import ShardedReplayBuffer
from tests.replay.test_prioritized import SPEC, episodes, numbers_in, same_batch

SETTINGS = {"capacity": 7, "recent_capacity": 3, "seed": 0, "epsilon": 0.01}


class Here:
    """Stands in for an actor: a call is made at once, and its reference is what it returns."""

    def __init__(self, shard):
        self._shard = shard

    def __getattr__(self, name):
        return SimpleNamespace(remote=getattr(self._shard, name))


@pytest.fixture(autouse=True)
def no_actors(monkeypatch):
    monkeypatch.setattr(
        shards, "start_shard", lambda spec, which, all_: Here(ReplayShard(spec, capacity=all_[which]))
    )
    monkeypatch.setattr(shards, "_get", lambda call, timeout: call)
    for name, function in (
        ("put", lambda value: value),
        ("get", lambda value, timeout=None: value),
        ("wait", lambda *references, **options: None),
        ("kill", lambda actor: None),
    ):
        monkeypatch.setattr(ray, name, function)


def both(num_shards, alpha, **settings):
    settings = SETTINGS | {"alpha": alpha} | settings
    return ShardedReplayBuffer(SPEC, num_shards=num_shards, **settings), PrioritizedMultiAgentReplayBuffer(
        SPEC, **settings
    )


@pytest.mark.parametrize("num_shards", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_batches_are_to_the_bit_those_of_the_buffer_in_one_process(num_shards, alpha):
    sharded, single = both(num_shards, alpha)
    rng = np.random.default_rng(0)
    for first, end in ((0, 4), (4, 9), (9, 12), (12, 30), (30, 33)):
        for buffer in (sharded, single):
            buffer.add(episodes(first, end))
        for _ in range(4):
            one, other = (buffer.sample(4, num_recent=1, beta=0.5) for buffer in (sharded, single))
            numbers_in(one)
            assert same_batch(one, other)
            priorities = rng.random(4)
            for buffer in (sharded, single):
                buffer.update_priorities(one["numbers"].numpy(), priorities)
        assert len(sharded) == len(single)
        assert sharded.priorities.tolist() == single.priorities.tolist()


@pytest.mark.parametrize("capacity", [4, 7, 9])
@pytest.mark.parametrize("by", ["state", "files"])
@pytest.mark.parametrize(("saved_by", "restored_by"), [(1, 3), (3, 3), (3, 0), (0, 3)])
def test_what_one_buffer_kept_another_goes_on_with(tmp_path, saved_by, restored_by, by, capacity):
    def buffer(num_shards, **settings):
        return both(num_shards, 0.7, **settings)[0] if num_shards else both(1, 0.7, **settings)[1]

    saved, restored = buffer(saved_by), buffer(restored_by, capacity=capacity)
    saved.add(episodes(0, 11))
    saved.update_priorities(np.arange(4, 11), np.arange(4.0, 11.0))
    restored.add(episodes(50, 53))  # is replaced
    if by == "state":
        restored.set_state(saved.get_state())
    else:
        saved.save_to_path(tmp_path)
        restore_replay(restored, tmp_path)
    kept = list(range(max(4, 11 - capacity), 11))
    assert restored.priorities.tolist() == kept
    drawn = {number for _ in range(30) for number in numbers_in(restored.sample(3, beta=0.5))}
    assert drawn == set(kept)
    if capacity == 7:
        for _ in range(30):
            saved.sample(3, beta=0.5)
        assert same_batch(saved.sample(5, num_recent=2), restored.sample(5, num_recent=2))
        for kept_one in (saved, restored):
            kept_one.add(episodes(11, 14))
        assert same_batch(saved.sample(5, num_recent=2), restored.sample(5, num_recent=2))
