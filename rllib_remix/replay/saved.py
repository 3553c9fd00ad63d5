"""Reading a saved replay buffer episode by episode, whether one process held it or several shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from rllib_remix.files.durable import write_through
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.chunks import PRIORITIES_FILE, Chunk, load_chunk, read_index, write_index
from rllib_remix.replay.layout import OVER_TIME
from rllib_remix.replay.prioritized import PrioritizedMultiAgentReplayBuffer
from rllib_remix.rollout.episode import TeamEpisode

SHARDS_FILE = "shards.json"
SLOTS_FILE = "slots.safetensors"


class SavedReplay(NamedTuple):
    """What a folder holds.

    Attributes:
        index: spec, capacity, next, added, rng and, if there were priorities, measure.
        places: of every episode, the oldest first, the folder of its chunks and its number there.
        priorities: [episodes] float64, oldest first, or None.
    """

    index: dict[str, Any]
    places: list[tuple[Path, int]]
    priorities: np.ndarray | None

    @property
    def is_full(self) -> bool:
        return len(self.places) == self.index["capacity"]


def part_folder(folder: Path, shard: int) -> Path:
    """Where a shard's episodes are."""
    return folder / f"shard_{shard}"


def is_sharded(folder: Path) -> bool:
    """Whether several shards saved a replay buffer here."""
    return (folder / SHARDS_FILE).is_file()


def read_shards(folder: Path) -> dict[str, Any]:
    """What ShardedReplayBuffer wrote about its shards. Raises OSError or ValueError."""
    return json.loads((folder / SHARDS_FILE).read_text(encoding="utf-8"))


def write_slots(folder: Path, index: dict[str, Any], slots: dict[str, np.ndarray]) -> None:
    """Writes what is known of a sharded replay buffer beside its episodes. Raises OSError."""
    write_through(folder / SLOTS_FILE, safetensors.numpy.save(slots))
    write_index(folder, index | {"chunks": []})


def read_slots(folder: Path) -> dict[str, np.ndarray]:
    """`stored` bool, `priorities` float64 and `place` int64 (the number in its shard) of every slot.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read.
    """
    return _load(folder / SLOTS_FILE)


def open_saved(folder: Path) -> SavedReplay:
    """Reads everything but the episodes. Raises OSError or ValueError."""
    index = read_index(folder)
    if not is_sharded(folder):
        places = [(folder, number) for number in range(index["added"] - index["size"], index["added"])]
        file = folder / PRIORITIES_FILE
        return SavedReplay(index, places, _load(file)["priorities"] if file.is_file() else None)
    slots, num_shards = read_slots(folder), read_shards(folder)["num_shards"]
    order = (index["next"] + np.arange(index["capacity"])) % index["capacity"]
    order = order[slots["stored"][order]]
    places = [(part_folder(folder, slot % num_shards), int(slots["place"][slot])) for slot in order.tolist()]
    return SavedReplay(index, places, slots["priorities"][order])


def saved_episodes(places: list[tuple[Path, int]]) -> Iterator[TeamEpisode]:
    """The episodes at these places; of every folder one chunk is in memory at a time."""
    readers: dict[Path, _ChunkReader] = {}
    for folder, number in places:
        if folder not in readers:
            readers[folder] = _ChunkReader(folder)
        yield readers[folder].episode(number)


def episodes_of(state: dict[str, Any], rows: np.ndarray) -> Iterator[TeamEpisode]:
    """The episodes in these rows of a replay buffer's state."""
    for row in rows:
        length = int(state["lengths"][row])
        fields = {
            name: state["arrays"][name][row, : length + has_last] for name, has_last in OVER_TIME.items()
        }
        terminated = bool(state["terminated"][row])
        yield TeamEpisode(**fields, terminated=terminated, truncated=not terminated, info={})


def restore_replay(buffer: Any, folder: Path) -> None:
    """Restores a replay buffer, in one process or sharded, from what either stored. Raises OSError or ValueError."""
    if is_sharded(folder) and isinstance(buffer, MultiAgentReplayBuffer):
        _gather(folder, buffer)
    else:
        buffer.restore_from_path(folder)


def _gather(folder: Path, buffer: MultiAgentReplayBuffer) -> None:
    saved = open_saved(folder)
    places = saved.places[-buffer.capacity :]
    goes_on = saved.is_full and saved.index["capacity"] == buffer.capacity
    empty = type(buffer)(buffer.spec, capacity=1).get_state()
    empty |= {"spec": saved.index["spec"], "capacity": buffer.capacity, "rng": saved.index["rng"]}
    empty |= {
        "next": saved.index["next"] if goes_on else 0,
        "added": saved.index["added"] - len(places),
    }
    buffer.set_state(empty)
    for episode in saved_episodes(places):
        buffer.add([episode])
    if isinstance(buffer, PrioritizedMultiAgentReplayBuffer):
        numbers = np.arange(saved.index["added"] - len(places), saved.index["added"])
        buffer.update_priorities(numbers, priorities_for(buffer.measure, saved)[-len(numbers) :])


def priorities_for(measure: str, saved: SavedReplay) -> np.ndarray:
    """The saved priorities, or 1 for all if there are none, or such as measured something else."""
    if saved.priorities is None or saved.index.get("measure") != measure:
        return np.ones(len(saved.places))
    return saved.priorities


class _ChunkReader:
    """Gives the episodes of one folder; quick if they are asked for in order."""

    def __init__(self, folder: Path):
        self._folder, self._chunks = folder, read_index(folder)["chunks"]
        self._open = Chunk(0, 0)
        self._packed: dict[str, np.ndarray] = {}

    def episode(self, number: int) -> TeamEpisode:
        if not self._open.first <= number < self._open.end:
            holding = [chunk for chunk in self._chunks if chunk.first <= number < chunk.end]
            if not holding:
                raise ValueError(f"{self._folder.name} holds no episode {number}")
            self._open = holding[0]
            self._packed = load_chunk(self._folder, self._open)
        row = number - self._open.first
        lengths = self._packed["lengths"]
        fields = {}
        for name, has_last in OVER_TIME.items():
            begin = int(lengths[:row].sum()) + row * has_last
            fields[name] = self._packed[name][begin : begin + int(lengths[row]) + has_last]
        terminated = bool(self._packed["terminated"][row])
        return TeamEpisode(**fields, terminated=terminated, truncated=not terminated, info={})


def _load(file: Path) -> dict[str, np.ndarray]:
    try:
        return safetensors.numpy.load(file.read_bytes())
    except safetensors.SafetensorError as error:
        raise ValueError(f"{file.name}: {error}") from error
