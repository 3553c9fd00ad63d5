"""One part of a replay buffer that is spread over several processes: the Ray actor that holds its episodes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import ray
from ray.exceptions import RayError

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.replay.buffer import MultiAgentReplayBuffer

SECONDS_TO_FETCH = 30.0  # that an episode may take on its way from another node


class ReplayShard(MultiAgentReplayBuffer):
    """Holds episodes and gives out those that it is asked for; ShardedReplayBuffer chooses them.

    Args:
        spec: sizes and dtypes of the episodes.
        capacity: episodes; the oldest are overwritten.
    """

    def __init__(self, spec: TeamSpec, *, capacity: int):
        super().__init__(spec, capacity=capacity)
        self._aside: tempfile.TemporaryDirectory | None = (
            None  # files on their way to or from another machine
        )

    def add_from_store(self, references: Sequence[ray.ObjectRef]) -> list[int]:
        """Stores the episodes behind the references.

        Returns:
            Their numbers here; -1 for one that cannot be fetched, because the process that played it died.
        """
        if references:  # Starts all transfers at once.
            ray.wait(list(references), num_returns=len(references), timeout=SECONDS_TO_FETCH)
        return [self._add_one(reference) for reference in references]

    def _add_one(self, reference: ray.ObjectRef) -> int:
        try:
            episode = ray.get(reference, timeout=SECONDS_TO_FETCH)
        except RayError:
            return -1
        self.add([episode])
        return self._added - 1

    def take(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """The episodes of these numbers, as `sample` gives them, in arrays that Ray hands on without a copy."""
        slots = self._slots_of(numbers)
        batch = self._batch(slots, np.ones(len(slots), np.float32), pin_memory=False)
        return {name: values.numpy() for name, values in batch.items()}

    # Files. A shard on another machine may not see the folder of a checkpoint; its files then go through Ray.

    def save_part(self, folder: Path, previous: Path | None, mark: tuple[Path, bytes]) -> list[str] | None:
        """Saves the episodes in the folder, if this machine sees it.

        Args:
            folder: where to.
            previous: where these episodes were saved last, whose files are linked; or None.
            mark: a file and what is in it, by which the machine sees whether it has the same file system.

        Returns:
            None, or the names of files that were written elsewhere and are to be fetched with `read_file`.
        """
        if _sees(mark):
            self.save_to_path(folder, previous=previous)
            return None
        self.save_to_path(self._new_folder_aside())
        return [file.name for file in self._folder_aside().iterdir()]

    def read_file(self, name: str) -> bytes:
        """The content of a file that `save_part` wrote elsewhere."""
        return (self._folder_aside() / name).read_bytes()

    def restore_part(self, folder: Path, mark: tuple[Path, bytes]) -> bool:
        """Restores what was saved in the folder; returns whether this machine sees it."""
        if _sees(mark):
            self.restore_from_path(folder)
            return True
        self._new_folder_aside()
        return False

    def write_file(self, name: str, content: bytes) -> None:
        """Takes a file of a folder that this machine does not see; after the last follows `restore_from_files`."""
        (self._folder_aside() / name).write_bytes(content)

    def restore_from_files(self) -> None:
        """Restores what `write_file` brought."""
        self.restore_from_path(self._folder_aside())
        self.drop_files()

    def drop_files(self) -> None:
        """Removes what lies aside."""
        if self._aside is not None:
            self._aside.cleanup()
            self._aside = None

    def _new_folder_aside(self) -> Path:
        self.drop_files()
        self._aside = tempfile.TemporaryDirectory(prefix="replay_shard_")
        return self._folder_aside()

    def _folder_aside(self) -> Path:
        assert self._aside is not None
        return Path(self._aside.name)


def _sees(mark: tuple[Path, bytes]) -> bool:
    file, content = mark
    try:
        return file.read_bytes() == content
    except OSError:
        return False
