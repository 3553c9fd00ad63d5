"""Writes a checkpoint's weights and settings without pickle: what `rllib export` does, for Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.checkpoints.finding import check_is_readable, find_checkpoint, told_to_user
from rllib_remix.checkpoints.targets import check_is_outside, new_folder
from rllib_remix.errors import UserError

if TYPE_CHECKING:
    import numpy as np

# What settings say of networks beside the agents'.
_OF_LEARNING = ("mixer", "central_critic", "use_q_star", "use_q_jt", "use_twin_critics", "normalize_values")


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    algorithm: str
    environment: str | None  # None where it was given as code, not by name
    arrays: int
    weights: int  # numbers in all arrays


def export(
    checkpoint: Path | str,
    out: Path | str,
    *,
    acting_only: bool = False,
    trust_pickle: bool = False,
    verbosity: int = 0,
) -> Exported:
    """Writes weights.safetensors and settings.json, which hold nothing but numbers and text.

    `rllib_remix.playing.evaluate` and `TeamPolicy.from_checkpoint` take the folder of a team. Training goes on from
    checkpoints only.

    Args:
        checkpoint: its folder, or a trial's or experiment's folder (its newest).
        out: folder to make; it must be empty if it exists. It is written whole or not at all.
        acting_only: of a team, leave out the networks that only learning needs: mixers, critics and targets.
        trust_pickle: read a checkpoint of RLlib's own algorithms, which can run any code of whoever made it.
        verbosity: 0 hides what Ray says to developers, 1 shows it.

    Raises:
        UserError: the checkpoint cannot be read, or the folder cannot be written.
    """
    target = new_folder(out)
    folder = find_checkpoint(Path(checkpoint))
    check_is_outside(target, folder)
    if check_is_readable(folder, trust_pickle=trust_pickle):
        weights, settings = _read_team(folder)
        if acting_only:
            weights, settings = _for_acting(weights, settings)
    else:
        if acting_only:
            raise UserError(
                "--acting-only: is for teams of rllib_remix; RLlib's own algorithms are written whole."
            )
        from rllib_remix.terminal.quiet import quiet_ray

        with quiet_ray(verbosity):
            weights, settings = _read_rllib(folder)
    _write(target, weights, settings)
    numbers = sum(array.size for array in weights.values())
    return Exported(target, settings["algorithm"], settings["environment"], len(weights), numbers)


def _read_team(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from rllib_remix.checkpoints.team import check_portable, read_team_settings, read_team_weights

    with told_to_user():
        check_portable(folder)
        settings = read_team_settings(folder)
        return read_team_weights(folder, settings), settings


def _for_acting(
    weights: dict[str, np.ndarray], settings: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The agents' networks alone, and settings that say of no other."""
    networks = {name: value for name, value in settings["networks"].items() if name not in _OF_LEARNING}
    kept = {name: array for name, array in weights.items() if name.startswith("agent.")}
    return kept, settings | {"networks": networks}


def _read_rllib(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    import ray

    from rllib_remix.checkpoints.portable import as_json
    from rllib_remix.checkpoints.rllib import read_trusted, read_weights
    from rllib_remix.files.json_values import jsonable

    checkpoint = read_trusted(folder)
    config = checkpoint.config
    settings = {
        "algorithm": checkpoint.algorithm_class.__name__,
        "environment": config.env if isinstance(config.env, str) else None,
        "env_config": as_json(dict(config.env_config)),
        "ray_version": ray.__version__,
        "config": jsonable(as_json(config.to_dict())),
    }
    return read_weights(checkpoint), settings


def _write(target: Path, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
    """Fills a folder aside and renames it, so that `target` is whole or as it was."""
    from rllib_remix.checkpoints.portable import write_portable
    from rllib_remix.files.durable import whole_folder
    from rllib_remix.files.signals import signals_raise

    try:
        with signals_raise(), whole_folder(target) as aside:
            write_portable(aside, weights, settings)
    except OSError as error:
        raise UserError(f"--out: cannot write {str(target)!r}: {error.strerror or error}.") from error
    except MemoryError as error:
        raise UserError(f"--out: cannot write {str(target)!r}: there is not enough memory.") from error
