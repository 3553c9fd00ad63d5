"""`rllib export`: a checkpoint's weights and settings without pickle, as safetensors and JSON."""

from __future__ import annotations

from pathlib import Path

import typer

from rllib_remix.cli.evaluate import TRUST_PICKLE_OPTION
from rllib_remix.cli.options import VERBOSE_OPTION


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
    from rllib_remix.checkpoints import exporting

    done = exporting.export(checkpoint, out, trust_pickle=trust_pickle, verbosity=verbose)
    typer.echo(f"{done.algorithm} on {done.environment}: {done.weights:,} weights in {done.arrays} arrays")
    typer.echo(f"Written to {out}")
