"""`rllib export`: a checkpoint's weights and settings without pickle, as safetensors and JSON."""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rllib_remix.cli.checkpoints import check_is_readable, find_checkpoint, is_export
from rllib_remix.cli.errors import VERBOSE_OPTION, UserError
from rllib_remix.cli.evaluate import TRUST_PICKLE_OPTION
from rllib_remix.cli.text_files import local_path

if TYPE_CHECKING:
    import numpy as np


def export(
    checkpoint: Path = typer.Argument(
        help="Checkpoint folder, or a trial's or experiment's folder (its newest)."
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Folder to make; it must be empty if it exists."),
    trust_pickle: bool = TRUST_PICKLE_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Write weights.safetensors and settings.json, which hold nothing but numbers and text.

    `rllib evaluate` and TeamPolicy.from_checkpoint take the folder of a team. Training goes on from checkpoints only.
    """
    target = local_path("--out", str(out)).absolute()
    _check_target(target)
    folder = find_checkpoint(checkpoint)
    if check_is_readable(folder, trust_pickle=trust_pickle):
        weights, settings = _read_team(folder)
    else:
        from rllib_remix.cli.quiet import quiet_ray

        with nullcontext() if verbose else quiet_ray():
            weights, settings = _read_rllib(folder)
    _write(target, weights, settings)
    numbers = sum(array.size for array in weights.values())
    typer.echo(
        f"{settings['algorithm']} on {settings['environment']}: {numbers:,} weights in {len(weights)} arrays"
    )
    typer.echo(f"Written to {out}")


def _check_target(target: Path) -> None:
    if target.is_dir():
        if any(target.iterdir()):
            raise UserError(f"--out: {str(target)!r} is not empty; give a new folder.")
    elif target.exists():
        raise UserError(f"--out: {str(target)!r} is a file; give a new folder.")
    elif not target.parent.is_dir():
        raise UserError(f"--out: folder {str(target.parent)!r} does not exist.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UserError(f"--out: cannot write to {str(target.parent)!r}: no permission.")


def _read_team(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from rllib_remix.manifest import CheckpointError, check_files
    from rllib_remix.policy import TeamPolicy
    from rllib_remix.portable import find_portable, read_settings, read_weights

    portable = find_portable(folder)
    try:
        if not is_export(folder):
            check_files(folder)
        TeamPolicy.from_checkpoint(folder)  # what can be written can also be played
        return read_weights(portable), read_settings(portable)
    except CheckpointError as error:
        raise UserError(str(error)) from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"checkpoint {str(folder)!r} cannot be read ({error}); use an earlier one."
        ) from error


def _read_rllib(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    import ray

    from rllib_remix.cli.results_file import jsonable
    from rllib_remix.cli.rllib_checkpoint import read_trusted, read_weights
    from rllib_remix.portable import as_json

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
    from rllib_remix.durable import new_folder_aside
    from rllib_remix.portable import write_portable

    aside = None
    try:
        aside = new_folder_aside(target.parent)
        write_portable(aside, weights, settings)
        os.replace(aside, target)  # fails if something came into it meanwhile
    except OSError as error:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        raise UserError(f"--out: cannot write {str(target)!r}: {error.strerror or error}.") from error
