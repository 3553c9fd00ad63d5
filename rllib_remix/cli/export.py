"""`rllib export`: a checkpoint's weights and settings without pickle, or its team for places without PyTorch."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import typer

from rllib_remix.cli.evaluate import TRUST_PICKLE_OPTION
from rllib_remix.cli.options import VERBOSE_OPTION


class Format(str, Enum):
    """What is written."""

    safetensors = "safetensors"
    onnx = "onnx"


def export(
    checkpoint: Path = typer.Argument(
        help="Checkpoint folder, or a trial's or experiment's folder (its newest)."
    ),
    out: Path = typer.Option(
        ...,
        "--out",
        "-o",
        help="Folder to make, which must be empty if it exists; for onnx a new file, .onnx.",
    ),
    format: Format = typer.Option(
        Format.safetensors,
        "--format",
        help="safetensors: weights and settings, a folder; onnx: one step of one agent, a file.",
    ),
    acting_only: bool = typer.Option(
        False, "--acting-only", help="Leave out what only learning needs: mixers, critics and targets."
    ),
    trust_pickle: bool = TRUST_PICKLE_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Write weights.safetensors and settings.json, which hold nothing but numbers and text; or an ONNX file.

    `rllib evaluate` and TeamPolicy.from_checkpoint take the folder of a team. Training goes on from checkpoints only.
    An ONNX file is run beside the original for 1,000 steps before it is written.
    """
    if format is Format.onnx:
        _export_onnx(checkpoint, out)
        return
    from rllib_remix.checkpoints import exporting

    done = exporting.export(
        checkpoint, out, acting_only=acting_only, trust_pickle=trust_pickle, verbosity=verbose
    )
    typer.echo(f"{done.algorithm} on {done.environment}: {done.weights:,} weights in {done.arrays} arrays")
    typer.echo(f"Written to {out}")


def _export_onnx(checkpoint: Path, out: Path) -> None:
    from rllib_remix.onnx_export.exporting import export_onnx

    done = export_onnx(checkpoint, out)
    checked = done.checked
    same = f"the same {checked.choices - checked.ties:,} actions"
    ties = f", {checked.ties:,} ties" if checked.ties else ""
    typer.echo(f"{done.algorithm} on {done.environment}: {done.weights:,} weights")
    typer.echo(
        f"{checked.steps:,} steps by {checked.runner}: within {checked.largest:.1e} of the team, {same}{ties}"
    )
    typer.echo(f"Written to {out}")
