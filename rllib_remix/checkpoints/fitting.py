"""What a checkpoint says about itself, and whether it may be loaded."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rllib_remix.checkpoints.manifest import CheckpointError, check_files, damaged
from rllib_remix.checkpoints.portable import as_json
from rllib_remix.checkpoints.reading import is_json
from rllib_remix.checkpoints.team import read_metadata
from rllib_remix.envs.team_env import TeamSpec, other_agents


def checkpoint_metadata(algorithm: Any) -> dict[str, Any]:
    """Readable facts for the checkpoint's metadata file, from which a policy can be built without RLlib."""
    config = algorithm.config
    env_config = dict(config.env_config)
    return {
        "algorithm": type(algorithm).__name__,
        "environment": config.env if isinstance(config.env, str) else None,
        "env_config": env_config if is_json(env_config) else None,
        "team": algorithm.team_spec._asdict(),
        "networks": config.networks(),
        "training_iteration": algorithm.training_iteration,
        "time_total_s": algorithm._time_total,
    }


def settings_as_json(config: Any) -> dict[str, Any]:
    """All settings of an algorithm that JSON can hold, under "config"."""
    return {"config": as_json(config.to_dict())}


def local_folder(path: Any) -> Path:
    """The absolute folder behind a path or file:// address.

    Raises:
        CheckpointError: an address of another kind. Tune uploads and downloads checkpoints; by hand, copy them.
    """
    text = str(path).removeprefix("file://")
    if "://" in text:
        raise CheckpointError(
            f"checkpoint {text!r}: only local folders can be written and read directly; allowed: a path such as "
            "'my_checkpoint'. Through Tune's `storage_path` checkpoints go to remote storage."
        )
    return Path(text).expanduser().absolute()


def check_learner_files(folder: Path) -> None:
    """Raises OSError unless the learner's files can be read back.

    RLlib has a remote learner write them, and does not look whether it could.
    """
    for file in (folder / "learner_group").rglob("*.pkl"):
        try:
            pickle.loads(file.read_bytes())
        except (EOFError, pickle.UnpicklingError) as error:
            raise OSError(errno.EIO, f"the learner could not write it ({error})", str(file)) from error
    if not (folder / "learner_group" / "learner" / "state.pkl").is_file():
        raise OSError(errno.EIO, "the learner wrote no state", str(folder))


# Settings of the networks that a checkpoint's weights depend on.
_SHAPING = (
    "mixer",
    "use_q_star",
    "agent_hidden_dim",
    "mixer_embed_dim",
    "hypernet_hidden_dim",
    "q_star_hidden_dim",
    "observe_last_action",
    "observe_agent_id",
)


def check_networks(path: Path, networks: dict[str, Any]) -> None:
    """Raises CheckpointError unless the checkpoint's networks have the shapes of these (a config's `networks()`)."""
    saved = read_metadata(path)["networks"]
    for name in _SHAPING:
        if saved[name] != networks[name]:
            setting = "weighting (whether it needs Q*)" if name == "use_q_star" else name
            raise CheckpointError(
                f"checkpoint {str(path)!r} has networks of another shape: {setting} is {saved[name]!r} there and "
                f"{networks[name]!r} here; load it with the settings that it was trained with."
            )


def check_checkpoint(path: Path, algorithm: str, spec: TeamSpec) -> None:
    """Raises CheckpointError unless the checkpoint is whole, of this algorithm, and of this team."""
    metadata = read_metadata(path)
    check_files(path)
    if metadata["algorithm"] != algorithm:
        raise CheckpointError(
            f"checkpoint {str(path)!r} was made by {metadata['algorithm']}, not by {algorithm}; allowed: a "
            f"checkpoint of {algorithm}."
        )
    for name, here in spec._asdict().items():
        there = metadata["team"].get(name)
        if name != "agents" and there != here:
            raise CheckpointError(
                f"checkpoint {str(path)!r} is of a team with {name} = {there}, this environment has {here}; "
                "load it with the environment settings that it was trained with."
            )
    if difference := other_agents(metadata["team"].get("agents", ()), spec.agents):
        raise CheckpointError(
            f"checkpoint {str(path)!r} is of {difference}; load it with the environment that it was trained with."
        )


@contextmanager
def explain_damage(path: Any) -> Iterator[None]:
    """Turns the errors of unreadable files into a CheckpointError that says what to do."""
    try:
        yield
    except CheckpointError:
        raise
    except (
        EOFError,
        OSError,
        KeyError,
        ValueError,
        RuntimeError,
        IndexError,
        pickle.UnpicklingError,
    ) as error:
        raise CheckpointError(damaged(path, f"{type(error).__name__}: {error}")) from error
