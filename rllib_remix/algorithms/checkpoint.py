"""What a checkpoint says about itself, and whether it may be loaded."""

from __future__ import annotations

import errno
import json
import pickle
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rllib_remix.durable import write_through
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.policy import CheckpointError, read_metadata
from rllib_remix.portable import as_json

MANIFEST = "files.json"


def checkpoint_metadata(algorithm: Any) -> dict[str, Any]:
    """Readable facts for the checkpoint's metadata file, from which a policy can be built without RLlib."""
    config = algorithm.config
    return {
        "algorithm": type(algorithm).__name__,
        "environment": config.env if isinstance(config.env, str) else None,
        "env_config": _json_or_none(dict(config.env_config)),
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


def write_manifest(folder: Path, previous: Path | None = None) -> None:
    """Lists the checkpoint's files, their sizes and checksums; written last: without it a checkpoint is incomplete.

    Args:
        folder: the checkpoint.
        previous: an earlier one; of files that are linked from there the checksum is taken over.
    """
    known = _read_manifest(previous) if previous else {}
    files = {
        str(file.relative_to(folder)): _entry(file, folder, previous, known)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    write_through(folder / MANIFEST, json.dumps(files, indent=1).encode())


def is_nothing_but_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a checkpoint of ours and no file of anybody else, so that it may be replaced."""
    known = _read_manifest(folder)
    own = {Path(name).parts[0] for name in known} | {MANIFEST}
    return bool(known) and all(path.name in own for path in folder.iterdir())


def _read_manifest(folder: Path) -> dict[str, list[int]]:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _entry(file: Path, folder: Path, previous: Path | None, known: dict[str, list[int]]) -> list[int]:
    name = str(file.relative_to(folder))
    if previous and name in known:
        earlier = previous / name
        if earlier.exists() and earlier.samefile(file):
            return known[name]
    return [file.stat().st_size, _checksum(file)]


def check_files(folder: Path) -> None:
    """Raises CheckpointError if a file of the checkpoint is missing or is not what was written."""
    try:
        expected = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(_damaged(folder, f"{MANIFEST} cannot be read: {error}")) from error
    for name, (size, checksum) in expected.items():
        file = folder / name
        if not file.is_file():
            raise CheckpointError(_damaged(folder, f"{name} is missing"))
        if file.stat().st_size != size:
            raise CheckpointError(
                _damaged(folder, f"{name} has {file.stat().st_size} bytes, {size} were written")
            )
        if _checksum(file) != checksum:
            raise CheckpointError(_damaged(folder, f"the content of {name} is not what was written"))


def _checksum(file: Path) -> int:
    checksum = 0
    with open(file, "rb") as content:
        while block := content.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return checksum


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
    """Raises CheckpointError unless the checkpoint is whole, of this algorithm, and of teams of these sizes."""
    metadata = read_metadata(path)
    check_files(path)
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
        raise CheckpointError(_damaged(path, f"{type(error).__name__}: {error}")) from error


def _damaged(path: Any, why: str) -> str:
    return (
        f"checkpoint {str(path)!r} cannot be read ({why}). It is incomplete or damaged; use an earlier one."
    )


def _json_or_none(value: Any) -> Any:
    try:
        json.dumps(value)
    except TypeError:
        return None
    return value
