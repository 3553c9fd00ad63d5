"""Replay of whole team episodes, drawn uniformly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray.rllib.utils.checkpoints import Checkpointable
from torch import Tensor

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.replay.chunks import Chunk, load_chunk, read_index, save_chunks, write_index
from rllib_remix.replay.layout import (
    OVER_TIME,
    bytes_of_episode,
    check_episode,
    check_memory,
    check_spec,
    layout_of,
)
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.settings import check_number


class MultiAgentReplayBuffer(Checkpointable):
    """A ring of whole episodes in preallocated arrays, in the dtypes of the environment.

    Episodes are drawn uniformly, without repetition within a batch. A part of a batch can be drawn from the newest
    episodes alone, as from a second, small buffer; they are a window onto the same ring. Memory is bounded by
    `bytes_needed`; the system hands it out as the ring fills.

    Episodes are numbered 0, 1, 2, … in the order in which they were added.

    Args:
        spec: sizes and dtypes of the episodes.
        capacity: episodes; the oldest are overwritten.
        recent_capacity: how many of the newest episodes count as recent.
        seed: of the draws; None takes it from the system.

    Raises:
        SettingError: a capacity below 1, or more memory than the machine has.
    """

    def __init__(self, spec: TeamSpec, *, capacity: int, recent_capacity: int = 200, seed: int | None = None):
        check_number("replay_buffer_capacity", capacity, low=1, integer=True)
        check_number("recent_episodes_capacity", recent_capacity, low=1, integer=True)
        self.spec, self.capacity, self._seed = spec, int(capacity), seed
        self.recent_capacity = int(recent_capacity)
        check_memory(self.bytes_needed(spec, capacity), capacity, spec)
        self._arrays = {
            name: np.zeros((self.capacity, *shape), dtype) for name, (shape, dtype) in layout_of(spec).items()
        }
        self._lengths = np.zeros(self.capacity, np.int32)
        self._terminated = np.zeros(self.capacity, np.bool_)
        self._lives = np.zeros((self.capacity, spec.n_agents), np.int32)
        self._next, self._size = 0, 0
        self._added = 0  # episodes so far, so the next one's number
        self._rng = np.random.default_rng(seed)

    @classmethod
    def bytes_needed(cls, spec: TeamSpec, capacity: int) -> int:
        """Memory of a full buffer, in bytes."""
        return capacity * bytes_of_episode(spec)

    def __len__(self) -> int:
        return self._size

    def add(self, episodes: Sequence[TeamEpisode]) -> None:
        """Stores finished episodes, the oldest stored first when there is no room.

        Raises:
            ValueError: an episode that is empty, longer than the spec says, or of other sizes; none is stored.
        """
        for episode in episodes:
            check_episode(self.spec, episode)
        for episode in episodes:
            arrays = {name: getattr(episode, name) for name in OVER_TIME}
            self._store(self._next, arrays, episode.terminated, episode.lives())
            self._next = (self._next + 1) % self.capacity
            self._size = min(self._size + 1, self.capacity)
            self._added += 1

    def _store(self, slot: int, arrays: dict[str, np.ndarray], terminated: bool, lives: np.ndarray) -> None:
        length = len(arrays["rewards"])
        for name, has_last in OVER_TIME.items():
            end = length + has_last
            self._arrays[name][slot, :end] = arrays[name]
            # What an earlier, longer episode left behind must not reach a batch.
            self._arrays[name][slot, end : self._lengths[slot] + has_last] = 0
        self._lengths[slot], self._terminated[slot], self._lives[slot] = length, terminated, lives

    def sample(
        self, num_episodes: int, *, num_recent: int = 0, pin_memory: bool = False
    ) -> dict[str, Tensor]:
        """Draws episodes, cut to the longest of them, into new tensors.

        Args:
            num_episodes: how many.
            num_recent: how many of them from the `recent_capacity` newest alone; they come last. Within either
                part no episode comes twice.
            pin_memory: into page-locked memory, from which a GPU copies without waiting; needs CUDA.

        Returns:
            `obs` [B, T+1, n, O], `state` [B, T+1, S], `avail_actions` [B, T+1, n, U] bool, `actions` [B, T, n],
            `rewards` [B, T] float32, `lengths` [B] int64, `lives` [B, n] int64 (see `TeamEpisode.lives`), `terminated`
            [B] bool, `numbers` [B] int64 (the episodes', by which they are known), `importance` [B] float32 (1 for
            all). Everything past an episode's end is 0.

        Raises:
            ValueError: more episodes asked for than are stored, or than are recent.
        """
        self._check_draw(num_episodes, num_recent)
        slots = np.concatenate([self._draw(num_episodes - num_recent), self._draw_recent(num_recent)])
        return self._batch(slots, np.ones(num_episodes, np.float32), pin_memory)

    def _check_draw(self, num_episodes: int, num_recent: int) -> None:
        if not 1 <= num_episodes <= self._size:
            raise ValueError(f"replay buffer: {num_episodes} episodes asked for, {self._size} are stored.")
        recent = min(self._size, self.recent_capacity)
        if not 0 <= num_recent <= min(recent, num_episodes):
            raise ValueError(
                f"replay buffer: {num_recent} recent episodes of {num_episodes} asked for, {recent} are recent."
            )

    def _draw(self, count: int) -> np.ndarray:
        """[count] slots of different episodes."""
        return self._rng.choice(self._size, size=count, replace=False)

    def _draw_recent(self, count: int) -> np.ndarray:
        """[count] slots of different recent episodes; without one the random numbers go on as if not asked."""
        if not count:
            return np.zeros(0, np.int64)
        age = self._rng.choice(min(self._size, self.recent_capacity), size=count, replace=False)
        return self._slots_of(self._added - 1 - age)

    def _slots_of(self, numbers: np.ndarray) -> np.ndarray:
        """Where the stored episodes of these numbers lie: they follow each other around the ring."""
        return (self._next - (self._added - numbers)) % self.capacity

    def _numbers_of(self, slots: np.ndarray) -> np.ndarray:
        """The numbers of the episodes in these slots, which must hold some."""
        return self._added - 1 - (self._next - 1 - slots) % self.capacity

    def _batch(self, slots: np.ndarray, importance: np.ndarray, pin_memory: bool) -> dict[str, Tensor]:
        small = {
            "lengths": self._lengths[slots].astype(np.int64),
            "lives": self._lives[slots].astype(np.int64),
            "terminated": self._terminated[slots],
            "numbers": self._numbers_of(slots),
            "importance": importance,
        }
        batch = {name: torch.from_numpy(array) for name, array in small.items()}
        longest = int(small["lengths"].max())
        for name, has_last in OVER_TIME.items():
            stored = self._arrays[name][:, : longest + has_last]
            dtype = torch.from_numpy(stored[:0]).dtype
            batch[name] = torch.empty((len(slots), *stored.shape[1:]), dtype=dtype, pin_memory=pin_memory)
            drawn = batch[name].numpy()
            for row, slot in enumerate(slots):
                drawn[row] = stored[slot]
        return batch

    # Checkpointable

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        stored = slice(0, self._size)
        return {
            "spec": self.spec._asdict(),
            "capacity": self.capacity,
            "arrays": {name: array[stored].copy() for name, array in self._arrays.items()},
            "lengths": self._lengths[stored].copy(),
            "terminated": self._terminated[stored].copy(),
            "lives": self._lives[stored].copy(),
            "next": self._next,
            "added": self._added,
            "rng": self._rng.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        check_spec(self.spec, state["spec"])
        order, self._next = self._slots_to_restore(len(state["lengths"]), state["capacity"], state["next"])
        self._restore(state, order)

    def _restore(self, state: dict[str, Any], order: np.ndarray) -> None:
        """Lays down the saved slots of `order`, in this order."""
        self._size, self._added = len(order), state["added"]
        for name, array in self._arrays.items():
            array[: self._size] = state["arrays"][name][order]
        # Slots behind keep the lengths of what still lies in them, so that `add` clears it.
        self._lengths[: self._size] = state["lengths"][order]
        self._terminated[: self._size] = state["terminated"][order]
        self._lives[: self._size] = state["lives"][order]
        self._rng.bit_generator.state = state["rng"]

    def _slots_to_restore(self, size: int, capacity: int, following: int) -> tuple[np.ndarray, int]:
        """Saved slots in the order in which they are laid down here, and the slot that is written next."""
        if capacity == self.capacity:  # Slot for slot, so that the same draws give the same episodes.
            return np.arange(size), following
        oldest_first = (np.arange(size) + (following if size == capacity else 0)) % max(size, 1)
        newest = oldest_first[-self.capacity :]
        return newest, len(newest) % self.capacity

    def save_to_path(self, path: Any = None, *, previous: Path | None = None, **kwargs: Any) -> str:
        """Stores all episodes in the folder `path`, as files that can be read without pickle.

        Args:
            path: the folder; local.
            previous: where this buffer was saved or restored last, if that is still there: episodes that were
                stored then are linked instead of written.
            kwargs: as RLlib's; `state` has no effect.

        Raises:
            OSError: no room, or no permission.
        """
        folder = Path(super().save_to_path(path, **{**kwargs, "state": {"episodes": self._added}}))  # type: ignore[arg-type]
        chunks = save_chunks(folder, previous, self._added - self._size, self._added, self._pack)
        write_index(folder, self._index() | {"chunks": chunks})
        return str(folder)

    def _index(self) -> dict[str, Any]:
        """What is to be known about the saved buffer beside its episodes; JSON can hold it."""
        return {
            "spec": self.spec._asdict(),
            "capacity": self.capacity,
            "size": self._size,
            "next": self._next,
            "added": self._added,
            "rng": self._rng.bit_generator.state,
        }

    def _pack(self, first: int, end: int) -> dict[str, np.ndarray]:
        """The stored episodes numbered first … end - 1, one after the other: a step's row follows the other's."""
        slots = self._slots_of(np.arange(first, end))
        lengths = self._lengths[slots]
        packed = {
            name: np.concatenate(
                [
                    self._arrays[name][slot, : length + has_last]
                    for slot, length in zip(slots, lengths, strict=True)
                ]
            )
            for name, has_last in OVER_TIME.items()
        }
        return packed | {
            "lengths": lengths,
            "terminated": self._terminated[slots],
            "lives": self._lives[slots],
        }

    def restore_from_path(self, path: Any, **kwargs: Any) -> None:
        """Takes over what `save_to_path` stored; a smaller buffer takes the newest episodes.

        Raises:
            ValueError: damaged, or episodes of other sizes.
            OSError: a file cannot be read.
        """
        index = read_index(Path(path))
        check_spec(self.spec, index["spec"])
        self._added = index["added"]
        if (
            index["capacity"] == self.capacity
        ):  # Slot for slot, so that the same draws give the same episodes.
            self._size, self._next = index["size"], index["next"]
        else:
            self._size = min(index["size"], self.capacity)
            self._next = self._size % self.capacity
        for chunk in index["chunks"]:
            self._unpack(load_chunk(Path(path), chunk), chunk)
        self._rng.bit_generator.state = index["rng"]

    def _unpack(self, packed: dict[str, np.ndarray], chunk: Chunk) -> None:
        """Stores those episodes of a chunk that this buffer has room for."""
        ends = {name: np.cumsum(packed["lengths"] + has_last) for name, has_last in OVER_TIME.items()}
        oldest = self._added - self._size
        for row in range(max(0, oldest - chunk.first), chunk.end - chunk.first):
            length = packed["lengths"][row]
            arrays = {
                name: packed[name][ends[name][row] - length - has_last : ends[name][row]]
                for name, has_last in OVER_TIME.items()
            }
            slot = int(self._slots_of(np.asarray(chunk.first + row)))
            self._store(slot, arrays, packed["terminated"][row], packed["lives"][row])

    def get_ctor_args_and_kwargs(self) -> tuple[tuple, dict[str, Any]]:
        settings = {"capacity": self.capacity, "recent_capacity": self.recent_capacity, "seed": self._seed}
        return (self.spec,), settings
