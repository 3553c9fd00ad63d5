"""Writes a checkpoint's team as an ONNX file: what `rllib export --format onnx` does, for Python."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.checkpoints.finding import check_is_readable, find_checkpoint, told_to_user
from rllib_remix.checkpoints.targets import check_is_new, check_is_outside, new_file
from rllib_remix.errors import UserError
from rllib_remix.files.durable import write_whole
from rllib_remix.files.signals import signals_raise
from rllib_remix.models.groups.assignment import agent_groups
from rllib_remix.onnx_export.runners import check_is_installed

if TYPE_CHECKING:
    from rllib_remix.models.agent import RecurrentAgent
    from rllib_remix.onnx_export.checking import Checked

SUFFIX = ".onnx"
MOST_BYTES = 2**31 - 2**20  # of the weights, as the format has no room for 2 GiB


@dataclass(frozen=True)
class ExportedOnnx:
    """What was written, and what its check found."""

    file: Path
    algorithm: str
    environment: str | None  # None where it was given as code, not by name
    weights: int  # numbers in all arrays
    checked: Checked


def export_onnx(checkpoint: Path | str, out: Path | str) -> ExportedOnnx:
    """Writes one step of one agent of a team, with its greedy choice, as a file that any ONNX runtime runs.

    `graph.agent_model` says its inputs and outputs; what the team is stands in the model's metadata. Before the file is
    written it is run beside the original (`checking.check_beside`).

    Args:
        checkpoint: of a team: its folder, an export's, or a trial's or experiment's folder (its newest).
        out: the file to make, NAME.onnx; it must not exist. It is written whole or not at all.

    Raises:
        UserError: a package is missing, the checkpoint cannot be read or is of no team, the file cannot be written, or it
            does otherwise than the team.
    """
    check_is_installed()
    target = new_file(out, SUFFIX)
    folder = find_checkpoint(Path(checkpoint))
    check_is_outside(target, folder)
    if not check_is_readable(folder, trust_pickle=True):  # which only looks at its marker
        raise UserError(
            f"--format: 'onnx' is for teams of rllib_remix; checkpoint {str(folder)!r} is of one of RLlib's own "
            "algorithms; allowed: safetensors."
        )
    network, metadata = _read(folder)
    weights = sum(weight.numel() for weight in network.state_dict().values())
    if (needed := 4 * weights) > MOST_BYTES:
        raise UserError(
            f"--format: 'onnx' is not possible for agents of {needed:,} bytes; allowed: {MOST_BYTES:,}, as an ONNX file "
            "has no room for more."
        )
    try:
        content, checked = _checked_model(network, metadata)
    except MemoryError as error:
        raise UserError(
            f"--format: 'onnx': there is not enough memory for the team of {str(folder)!r}."
        ) from error
    _write(target, content)
    return ExportedOnnx(target, metadata["algorithm"], metadata["environment"], weights, checked)


def describe(metadata: dict[str, Any]) -> dict[str, str]:
    """What the file says about its team, as texts; lists and objects are JSON.

    Args:
        metadata: of a checkpoint or an export, from `read_metadata`.
    """
    team, networks, layout = metadata["team"], metadata["networks"], metadata.get("agent_layout")
    agents = team.get("agents", ())
    said = {
        "algorithm": metadata["algorithm"],
        "environment": metadata["environment"],
        "agents": json.dumps(list(agents)),
        "groups": json.dumps(agent_groups(networks, team["n_agents"], agents)),
        "n_agents": team["n_agents"],
        "n_actions": team["n_actions"],
        "obs_dim": team["obs_dim"],
        "obs_shape": json.dumps(list(team.get("obs_shape", ()))),
        "hidden_dim": networks["agent_hidden_dim"],
        "episode_limit": team["episode_limit"],
        "agent_layout": json.dumps(layout) if layout else None,
        "first_step": "hidden: zeros; previous_action: -1; time: 0",
    }
    return {name: str(value) for name, value in said.items() if value is not None}


def _read(folder: Path) -> tuple[RecurrentAgent, dict[str, Any]]:
    from rllib_remix.checkpoints.team import read_metadata
    from rllib_remix.policy import TeamPolicy

    with told_to_user():
        return TeamPolicy.from_checkpoint(folder).network, read_metadata(folder)


def _checked_model(network: RecurrentAgent, metadata: dict[str, Any]) -> tuple[bytes, Checked]:
    from rllib_remix.onnx_export.checking import check_beside
    from rllib_remix.onnx_export.graph import agent_model

    obs_dtype = metadata["team"]["obs_dtype"]
    scores = "logits" if metadata["networks"].get("stochastic_policy") else "utilities"
    model = agent_model(network, scores=scores, obs_dtype=obs_dtype, metadata=describe(metadata))
    content = model.SerializeToString()
    return content, check_beside(network, content, obs_dtype=obs_dtype)


def _write(target: Path, content: bytes) -> None:
    check_is_new(target)  # The check took a while.
    try:
        with signals_raise():
            write_whole(target, content)
    except OSError as error:
        raise UserError(f"--out: cannot write {str(target)!r}: {error.strerror or error}.") from error
