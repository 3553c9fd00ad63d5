"""Whether an experiment can start from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rllib_remix.checkpoints.manifest import METADATA
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.errors import UserError

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm import Algorithm


def check_restore(path: Path, algorithm_class: type[Algorithm]) -> None:
    """Raises UserError unless `path` is a checkpoint, and, if it is one of ours, one of this algorithm."""
    if not path.is_dir():
        raise UserError(f"--restore: {str(path)!r} is not a folder.")
    if not (path / METADATA).is_file():
        raise UserError(
            f"--restore: {str(path)!r} is no checkpoint (it has no {METADATA}); "
            "give a folder such as .../checkpoint_000003."
        )
    from rllib_remix.checkpoints.team import read_marker, read_metadata

    try:
        if "team" not in read_marker(path):
            return  # RLlib's own, which does not say
        made_by = read_metadata(path)["algorithm"]
    except CheckpointError as error:
        raise UserError(f"--restore: {error}") from None
    if made_by != algorithm_class.__name__:
        raise UserError(f"--restore: {str(path)!r} was made by {made_by}, not by {algorithm_class.__name__}.")
