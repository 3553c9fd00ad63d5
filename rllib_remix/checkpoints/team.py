"""Reads what a team needs to play, from an algorithm's checkpoint or an export; nothing is unpickled.

Either may come from a stranger, so everything is checked before it is used: see `manifest` for the files, `schema` for
what they say, and `portable` for the weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.checkpoints.manifest import METADATA, check_files
from rllib_remix.checkpoints.portable import (
    SETTINGS_FILE,
    WEIGHTS_FILE,
    portable_name,
    read_settings,
    read_weights,
)
from rllib_remix.checkpoints.reading import CheckpointError, is_there, read_json, unreadable
from rllib_remix.checkpoints.schema import check_metadata
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.models.sizes import acting_bytes, network_shapes

MAX_ACTING_BYTES = 2**30  # what the agents of one copy of the environment may need, beside their weights

_UNSAID = {"environment": None, "env_config": None}

# What both files of a checkpoint say.
_SAID_TWICE = ("algorithm", "environment", "env_config", "team", "networks")


def read_marker(folder: Path) -> dict[str, Any]:
    """What a checkpoint or an export says first, be it of a team or not.

    Raises:
        CheckpointError: there is nothing, or it cannot be read.
    """
    file = _marker_file(folder)
    if not is_there(folder, file):
        raise CheckpointError(
            f"checkpoint {str(folder)!r}: there is no {METADATA} in it; allowed: the folder of a checkpoint."
        )
    return read_json(folder, file)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What an algorithm's checkpoint, or an export of one, says about itself; every field is as it should be.

    Raises:
        CheckpointError: no checkpoint of rllib_remix, or a damaged one.
    """
    folder = Path(path)
    metadata = read_marker(folder)
    if "team" not in metadata:
        raise CheckpointError(f"checkpoint {str(path)!r} was not made by an algorithm of rllib_remix.")
    check_metadata(folder, _marker_file(folder), metadata)
    return _UNSAID | metadata


def check_portable(folder: Path) -> None:
    """Raises CheckpointError if a checkpoint is incomplete, or a file that a team's player reads is damaged.

    An export has no list of files; its weights are exactly as many as it says.
    """
    if is_there(folder, METADATA):
        read = (SETTINGS_FILE, WEIGHTS_FILE)
        check_files(folder, contents=(METADATA, *(portable_name(folder, name) for name in read)))


def read_team_settings(folder: Path) -> dict[str, Any]:
    """As `read_metadata`, with the run's settings, as far as JSON can hold them, under "config".

    Raises:
        CheckpointError: as `read_metadata`, or a checkpoint's two files contradict each other.
    """
    metadata, settings = read_metadata(folder), read_settings(folder)
    name = portable_name(folder, SETTINGS_FILE)
    check_metadata(folder, name, settings)
    settings = _UNSAID | settings
    for field in _SAID_TWICE:
        if settings[field] != metadata[field]:
            raise unreadable(
                folder, name, f"says something else of {field} than {_marker_file(folder)} does."
            )
    return settings


def read_team_weights(folder: Path, metadata: dict[str, Any]) -> dict[str, np.ndarray]:
    """Name → float32 array of all networks, after a check that they are those of the metadata.

    Raises:
        CheckpointError: they are not, they cannot be read, or the team needs more memory than it may.
    """
    spec, networks = TeamSpec.from_saved(metadata["team"]), metadata["networks"]
    if (needed := acting_bytes(spec, networks)) > MAX_ACTING_BYTES:
        raise CheckpointError(
            f"checkpoint {str(folder)!r}: a team of n_agents = {spec.n_agents}, n_actions = {spec.n_actions}, obs_dim = "
            f"{spec.obs_dim} and agent_hidden_dim = {networks['agent_hidden_dim']} needs {needed:,} bytes to act; "
            f"allowed: {MAX_ACTING_BYTES:,}."
        )
    return read_weights(folder, network_shapes(spec, networks))


def _marker_file(folder: Path) -> str:
    return METADATA if is_there(folder, METADATA) else SETTINGS_FILE  # of an export
