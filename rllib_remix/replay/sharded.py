"""A replay buffer whose episodes lie in several processes, on as many machines as there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray.rllib.utils.checkpoints import Checkpointable
from torch import Tensor

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.index import ReplayIndex
from rllib_remix.replay.joining import join, write_rows
from rllib_remix.replay.layout import OVER_TIME, check_spec
from rllib_remix.replay.parts import restore_parts, save_parts
from rllib_remix.replay.placement import shard_capacities
from rllib_remix.replay.saved import (
    episodes_of,
    is_sharded,
    open_saved,
    priorities_for,
    read_shards,
    read_slots,
    saved_episodes,
    write_slots,
)
from rllib_remix.replay.shards import Adding, Shard, Shards
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.episode_in_store import EpisodeInStore

_SMALL = (
    "lengths",
    "terminated",
    "lives",
)  # fields with one entry for an episode, or one for each of its agents
_BLOCK = 256  # episodes that are moved at once when the whole buffer is read or filled


class ShardedReplayBuffer(Checkpointable):
    """A PrioritizedMultiAgentReplayBuffer whose episodes are dealt out to Ray actors, for more than one machine holds.

    This process keeps the index: which episodes there are, and their priorities. It draws as the buffer in one
    process does, bit for bit with the same seed, and asks the shards for the episodes. Slot s of the ring lies in
    shard s mod S. Episodes come and go through Ray's object store; only batches are read here.

    A shard that dies or does not answer is made anew, and its episodes are lost. Until they are replaced by new
    ones the draws are from the rest.

    Args:
        spec: sizes and dtypes of the episodes.
        num_shards: S, how many actors.
        capacity: episodes, of all shards together.
        recent_capacity, seed: as for MultiAgentReplayBuffer.
        alpha, epsilon, measure: as for PrioritizedMultiAgentReplayBuffer; α = 0 draws uniformly.

    Raises:
        RuntimeError: a shard could not be started; says why.
    """

    def __init__(
        self,
        spec: TeamSpec,
        *,
        num_shards: int,
        capacity: int,
        recent_capacity: int = 200,
        alpha: float = 0.0,
        epsilon: float = 1e-6,
        measure: str = "",
        seed: int | None = None,
    ):
        self.spec, self.capacity, self.num_shards, self.measure = spec, capacity, num_shards, measure
        self._settings = {
            "recent_capacity": recent_capacity,
            "alpha": alpha,
            "epsilon": epsilon,
            "seed": seed,
        }
        self._index = ReplayIndex(capacity=capacity, **self._settings)
        self._place = np.full(capacity, -1, np.int64)  # slot -> the episode's number within its shard
        self._shards = Shards(spec, shard_capacities(capacity, num_shards), self._forget)

    @classmethod
    def bytes_needed(cls, spec: TeamSpec, capacity: int) -> int:
        """Memory of full shards, together, and of the index, in bytes."""
        return MultiAgentReplayBuffer.bytes_needed(spec, capacity) + ReplayIndex.bytes_needed(capacity)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def priorities(self) -> np.ndarray:
        """[episodes stored] float64, oldest first, without ε and α."""
        return self._index.priorities_of(self._index.oldest_first())

    def update_priorities(self, numbers: np.ndarray, priorities: np.ndarray) -> None:
        """As PrioritizedMultiAgentReplayBuffer's; episodes that were lost are left out as well."""
        self._index.update_priorities(numbers, priorities)

    def stop(self) -> None:
        """Ends the shards."""
        self._shards.stop()

    @property
    def shards_lost(self) -> int:
        """How many were made anew, ever."""
        return self._shards.shards_lost

    @property
    def episodes_lost(self) -> int:
        """How many went with them, or with an env runner before they were stored, ever."""
        return self._shards.episodes_lost

    def _forget(self, which: int) -> int:
        """Takes the episodes of a shard out of the index; returns how many there were."""
        before = len(self)
        slots = np.arange(which, self.capacity, self.num_shards)
        self._index.remove(slots)
        self._place[slots] = -1
        return before - len(self)

    # Adding

    def add(self, episodes: Sequence[TeamEpisode | EpisodeInStore]) -> None:
        """Hands finished episodes to the shards, which fetch them themselves.

        Raises:
            ValueError: an episode that does not fit the spec.
        """
        for first in range(0, len(episodes), self.capacity):
            self._add([_in_store(episode) for episode in episodes[first : first + self.capacity]])

    def _add(self, episodes: Sequence[EpisodeInStore]) -> None:
        slots = self._index.add(len(episodes))
        numbers, priorities = self._index.numbers_of(slots), self._index.priorities_of(slots)
        self._index.remove(slots)  # Until their shards have them.
        self._place[slots] = -1
        for shard, rows in self._by_shard(slots):
            references = [episodes[row].reference for row in rows.tolist()]
            shard.add(Adding(references, slots[rows], numbers[rows], priorities[rows]))
        self._shards.settle(self._note)

    def _by_shard(self, slots: np.ndarray) -> list[tuple[Shard, np.ndarray]]:
        """Every shard that has some of the slots, and which of them these are."""
        rows = [np.flatnonzero(slots % self.num_shards == which) for which in range(self.num_shards)]
        return [(shard, rows[shard.which]) for shard in self._shards if len(rows[shard.which])]

    def _note(self, adding: Adding, places: np.ndarray) -> None:
        """Marks episodes as stored, but for those that could not be, or whose slot others were given since."""
        there = (places >= 0) & (self._index.numbers_of(adding.slots) == adding.numbers)
        self._place[adding.slots[there]] = places[there]
        self._index.set(adding.slots[there], adding.priorities[there])

    # Draws

    def sample(
        self, num_episodes: int, *, num_recent: int = 0, beta: float = 0.0, pin_memory: bool = False
    ) -> dict[str, Tensor]:
        """As PrioritizedMultiAgentReplayBuffer's, with the same random numbers and the same batch.

        Raises:
            TooFewEpisodes: more are asked for than are stored, maybe because a shard was lost just now.
        """
        self._shards.settle(self._note)
        while True:
            slots, importance = self._index.draw(num_episodes, num_recent=num_recent, beta=beta)
            parts = self._fetch(slots)
            if parts is not None:
                batch = join(parts, num_episodes, pin_memory)
                batch["numbers"] = torch.from_numpy(self._index.numbers_of(slots))
                batch["importance"] = torch.from_numpy(importance)
                return batch

    def _fetch(self, slots: np.ndarray) -> list[tuple[np.ndarray, dict[str, np.ndarray]]] | None:
        """Of every shard the rows of the batch that it has, and their episodes; None if one could not give them."""
        calls = [
            (shard, rows, shard.actor.take.remote(self._place[slots[rows]]))
            for shard, rows in self._by_shard(slots)
        ]
        answers = [(rows, *self._shards.ask(shard, call)) for shard, rows, call in calls]
        if not all(is_there for _, is_there, _ in answers):
            return None
        return [(rows, episodes) for rows, _, episodes in answers]

    # Checkpointable

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The state of a PrioritizedMultiAgentReplayBuffer with these episodes, whatever the number of shards."""
        self._shards.settle(self._note)
        while (episodes := self._fetch_all(slots := self._slots_to_save())) is None:
            pass  # A shard was lost; the others' are left.
        index = self._index.get_state()
        return {
            "spec": self.spec._asdict(),
            "capacity": self.capacity,
            "arrays": {name: episodes.pop(name) for name in OVER_TIME},
            "lengths": episodes["lengths"].astype(np.int32),
            "terminated": episodes["terminated"],
            "lives": episodes["lives"].astype(np.int32),
            "next": self._index.next if len(slots) == self.capacity else len(slots) % self.capacity,
            "added": self._index.added,
            "rng": index["rng"],
            "priorities": index["priorities"][slots],
            "measure": self.measure,
            "lost": (self.shards_lost, self.episodes_lost),
        }

    def _slots_to_save(self) -> np.ndarray:
        """All stored: slot for slot, or oldest first if there are gaps, which are closed then."""
        slots = self._index.oldest_first()
        used = min(self._index.added, self.capacity)
        return np.arange(used) if len(slots) == used else slots

    def _fetch_all(self, slots: np.ndarray) -> dict[str, np.ndarray] | None:
        empty = MultiAgentReplayBuffer(self.spec, capacity=1).get_state()
        whole = {
            name: np.zeros((len(slots), *of.shape[1:]), of.dtype) for name, of in empty["arrays"].items()
        }
        whole |= {name: np.zeros((len(slots), *empty[name].shape[1:]), empty[name].dtype) for name in _SMALL}
        for first in range(0, len(slots), _BLOCK):
            parts = self._fetch(slots[first : first + _BLOCK])
            if parts is None:
                return None
            for rows, part in parts:
                for name, values in whole.items():
                    write_rows(values, first + rows, part[name])
        return whole

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes over the state of a replay buffer, sharded or not, of any capacity; the newest episodes stay."""
        check_spec(self.spec, state["spec"])
        size, following = len(state["lengths"]), state["next"]
        wraps = size == state["capacity"]
        oldest_first = (np.arange(size) + (following if wraps else 0)) % max(size, 1)
        rows = oldest_first[-self.capacity :]
        priorities = state.get("priorities")
        if priorities is None or state["measure"] != self.measure:
            priorities = np.ones(size)
        first_slot = following if wraps and state["capacity"] == self.capacity else 0
        self._fill(episodes_of(state, rows), np.asarray(priorities)[rows], first_slot, state["added"])
        self._index.set_state(self._index.get_state() | {"rng": state["rng"]})
        self._shards.shards_lost, self._shards.episodes_lost = state.get("lost", (0, 0))

    def _fill(
        self,
        episodes: Iterator[TeamEpisode | EpisodeInStore],
        priorities: np.ndarray,
        first_slot: int,
        added: int,
    ) -> None:
        """Replaces all episodes by others, oldest first, of which the first comes into a slot."""
        self._shards.settle(self._note)
        self._empty_shards()
        nothing = self._index.get_state() | {"stored": np.zeros(self.capacity, np.bool_)}
        self._index.set_state(nothing | {"next": first_slot, "added": added - len(priorities)})
        block = []
        for episode in episodes:
            block.append(episode)
            if len(block) == _BLOCK:
                self.add(block)
                block = []
        self.add(block)
        self.update_priorities(np.arange(added - len(priorities), added), priorities)

    def _empty_shards(self) -> None:
        self._shards.empty(MultiAgentReplayBuffer(self.spec, capacity=1).get_state())

    def save_to_path(self, path: Any = None, *, previous: Path | None = None, **kwargs: Any) -> str:
        """Every shard stores its episodes in a folder below `path`, all at the same time.

        Args:
            path, previous, kwargs: as for MultiAgentReplayBuffer. A shard on a machine that does not see the folder
                sends its files here, all of them.

        Raises:
            OSError: no room, or no permission.
        """
        self._shards.settle(self._note)
        folder = Path(super().save_to_path(path, **{**kwargs, "state": {"shards": self.num_shards}}))
        save_parts(self._shards, folder, previous)
        index = self._index.get_state()
        slots = {"stored": index.pop("stored"), "priorities": index.pop("priorities"), "place": self._place}
        settings = {"spec": self.spec._asdict(), "capacity": self.capacity, "measure": self.measure}
        write_slots(folder, index | settings | {"lost": [self.shards_lost, self.episodes_lost]}, slots)
        return str(folder)

    def restore_from_path(self, path: Any, **kwargs: Any) -> None:
        """Takes over what a replay buffer stored, sharded or not, of any capacity; the newest episodes stay.

        Raises:
            ValueError: damaged, or episodes of other sizes.
            OSError: a file cannot be read.
        """
        folder = Path(path)
        saved = open_saved(folder)
        check_spec(self.spec, saved.index["spec"])
        same_capacity = saved.index["capacity"] == self.capacity
        priorities = priorities_for(self.measure, saved)[-self.capacity :]
        if is_sharded(folder) and same_capacity and read_shards(folder)["num_shards"] == self.num_shards:
            self._restore_parts(folder, saved.index)
            stored = self._index.numbers_of(self._index.oldest_first())
            self.update_priorities(stored, priorities[len(priorities) - len(stored) :])
        else:
            first_slot = saved.index["next"] if saved.is_full and same_capacity else 0
            episodes = saved_episodes(saved.places[-self.capacity :])
            self._fill(episodes, priorities, first_slot, saved.index["added"])
        self._index.set_state(self._index.get_state() | {"rng": saved.index["rng"]})
        self._shards.shards_lost, self._shards.episodes_lost = saved.index.get("lost", (0, 0))

    def _restore_parts(self, folder: Path, index: dict[str, Any]) -> None:
        """Every shard reads what a shard with its number stored."""
        self._shards.settle(self._note)
        self._empty_shards()
        slots = read_slots(folder)
        self._index.set_state(index | {"stored": slots["stored"], "priorities": slots["priorities"]})
        self._place = slots["place"].copy()
        restore_parts(self._shards, folder, slots["stored"])

    def get_ctor_args_and_kwargs(self) -> tuple[tuple, dict[str, Any]]:
        shards = {"num_shards": self.num_shards, "capacity": self.capacity, "measure": self.measure}
        return (self.spec,), shards | self._settings


def _in_store(episode: TeamEpisode | EpisodeInStore) -> EpisodeInStore:
    return episode if isinstance(episode, EpisodeInStore) else EpisodeInStore.put(episode)
