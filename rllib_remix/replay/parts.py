"""The episodes of a sharded replay buffer on disk: every shard writes and reads its own part.

A shard on a machine that does not see the folder is sent the files of its part, or sends them, all of them.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import numpy as np

from rllib_remix.files.durable import write_through
from rllib_remix.replay.saved import SHARDS_FILE, part_folder, read_shards
from rllib_remix.replay.shards import Shard, Shards


def save_parts(shards: Shards, folder: Path, previous: Path | None) -> None:
    """Has every shard store its episodes in a folder of its own below `folder`, all at the same time.

    Args:
        shards: those of the replay buffer.
        folder: where the replay buffer is stored.
        previous: where it was stored or restored last; the parts there are linked where they are the same shard's.

    Raises:
        OSError: no room, or no permission.
    """
    layout = {"num_shards": len(shards), "series": [shard.series for shard in shards]}
    mark = folder / SHARDS_FILE, json.dumps(layout | {"saved": uuid.uuid4().hex}).encode()
    known = _series(previous)
    write_through(*mark)
    calls = []
    for shard in shards:
        if shard.is_ready:
            linked = previous if known[shard.which : shard.which + 1] == [shard.series] else None
            parts = [path and part_folder(path, shard.which) for path in (folder, linked)]
            calls.append((shard, shard.actor.save_part.remote(*parts, mark)))
    for shard, call in calls:
        _, names = shards.ask(shard, call)
        _write_part(shards, shard, part_folder(folder, shard.which), names or [])


def _write_part(shards: Shards, shard: Shard, folder: Path, names: list[str]) -> None:
    """Writes the files of a shard that does not see the folder, one by one."""
    for name in names:
        folder.mkdir(exist_ok=True)
        is_there, content = shards.ask(shard, shard.actor.read_file.remote(name))
        if not is_there:
            return
        write_through(folder / name, content)
    shard.actor.drop_files.remote()


def restore_parts(shards: Shards, folder: Path, stored: np.ndarray) -> None:
    """Has every shard read what a shard with its number stored.

    Args:
        shards: as many as have stored them.
        folder: where the replay buffer was stored.
        stored: [capacity] bool, the slots that hold an episode.
    """
    mark = folder / SHARDS_FILE, (folder / SHARDS_FILE).read_bytes()
    series = read_shards(folder)["series"]
    calls = []
    for shard in shards:
        if stored[shard.which :: len(shards)].any():
            shard.series = series[shard.which]
            calls.append((shard, shard.actor.restore_part.remote(part_folder(folder, shard.which), mark)))
    for shard, call in calls:
        is_there, sees_folder = shards.ask(shard, call)
        if is_there and not sees_folder:
            _send_part(shards, shard, part_folder(folder, shard.which))


def _send_part(shards: Shards, shard: Shard, folder: Path) -> None:
    """Brings a shard the files that it does not see, one by one."""
    for file in folder.iterdir():
        if not shards.ask(shard, shard.actor.write_file.remote(file.name, file.read_bytes()))[0]:
            return
    shards.ask(shard, shard.actor.restore_from_files.remote())


def _series(previous: Path | None) -> list[str]:
    """How the shards' episodes are numbered in an earlier checkpoint; empty if it has none, or is gone."""
    try:
        return [] if previous is None else read_shards(previous)["series"]
    except (OSError, ValueError):
        return []
