"""What a checkpoint says about itself, and whether it may be loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.policy import CheckpointError, read_metadata


def checkpoint_metadata(algorithm: Any) -> dict[str, Any]:
    """Readable facts for `metadata.json`, from which a policy can be built without RLlib."""
    config = algorithm.config
    return {
        "algorithm": type(algorithm).__name__,
        "environment": config.env if isinstance(config.env, str) else None,
        "env_config": _json_or_none(dict(config.env_config)),
        "team": algorithm.team_spec._asdict(),
        "networks": config.networks(),
    }


def check_checkpoint(path: Any, algorithm: str, spec: TeamSpec) -> None:
    """Raises CheckpointError unless the checkpoint at `path` is of this algorithm and of teams of these sizes."""
    metadata = read_metadata(path)
    if metadata["algorithm"] != algorithm:
        raise CheckpointError(
            f"checkpoint {str(path)!r} was made by {metadata['algorithm']}, not by {algorithm}; allowed: a "
            f"checkpoint of {algorithm}."
        )
    for name, here in spec._asdict().items():
        there = metadata["team"].get(name)
        if there != here:
            raise CheckpointError(
                f"checkpoint {str(path)!r} is of a team with {name} = {there}, this environment has {here}; "
                "load it with the environment settings that it was trained with."
            )


@contextmanager
def explain_damage(path: Any) -> Iterator[None]:
    """Turns the errors of unreadable files into a CheckpointError that says what to do."""
    try:
        yield
    except (EOFError, OSError, KeyError, ValueError, RuntimeError, IndexError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"checkpoint {str(Path(path))!r} cannot be read ({type(error).__name__}: {error}). It is incomplete or "
            "damaged; use an earlier one."
        ) from error


def _json_or_none(value: Any) -> Any:
    try:
        json.dumps(value)
    except TypeError:
        return None
    return value
