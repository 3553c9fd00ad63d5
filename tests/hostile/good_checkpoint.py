"""A small team's export and checkpoint, written without training; hostile ones are made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.checkpoints.manifest import METADATA, write_manifest
from rllib_remix.checkpoints.portable import PORTABLE, SETTINGS_FILE, WEIGHTS_FILE, write_portable
from rllib_remix.envs.registry import make_team_env
from rllib_remix.models.sizes import network_shapes

NETWORKS = {
    "mixer": "qmix",
    "use_q_star": True,
    "use_mixer_gradient": True,
    "agent_hidden_dim": 4,
    "mixer_embed_dim": 3,
    "hypernet_hidden_dim": 5,
    "q_star_hidden_dim": 6,
    "observe_last_action": True,
    "observe_agent_id": True,
    "utility_clamp": [-5, 2],
    "skip_removed_agents": True,
    "compute_dtype": "float32",
}
SPEC = make_team_env("matrix_game").spec


def settings() -> dict[str, Any]:
    """What a QMIX team of the matrix game says about itself."""
    return {
        "algorithm": "QMIX",
        "environment": "matrix_game",
        "env_config": {},
        "team": json.loads(json.dumps(SPEC._asdict())),
        "networks": dict(NETWORKS),
        "training_iteration": 3,
        "time_total_s": 1.5,
        "config": {
            "epsilon": [[0, 1.0], [1000, 0.05]],
            "num_envs_per_env_runner": 4,
            "evaluation_config": {"explore": False, "env_config": {}},
            "lr": 5e-4,
        },
    }


def weights() -> dict[str, np.ndarray]:
    """Random weights of all its networks, float32."""
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in network_shapes(SPEC, NETWORKS).items()
    }


def write_export(folder: Path) -> Path:
    """As `rllib export` writes it."""
    write_portable(folder, weights(), settings())
    return folder


def write_checkpoint(folder: Path) -> Path:
    """The files of a checkpoint that a player reads, and the list of them."""
    write_export(folder / PORTABLE)
    said = {name: value for name, value in settings().items() if name != "config"}
    said |= {"checkpoint_version": "2.1", "ray_version": "2.60.0", "class_and_ctor_args_file": "x.pkl"}
    (folder / METADATA).write_text(json.dumps(said))
    write_manifest(folder)
    return folder


def change_settings(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the settings of an export."""
    content = json.loads((folder / SETTINGS_FILE).read_text())
    change(content)
    (folder / SETTINGS_FILE).write_text(json.dumps(content))


def change_header(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the header of an export's weights; the numbers stay as they are."""
    content = (folder / WEIGHTS_FILE).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    write_header(folder, json.dumps(header).encode(), content[8 + length :])


def write_header(folder: Path, header: bytes, numbers: bytes = b"", length: int | None = None) -> None:
    """Writes an export's weights from their parts."""
    start = (len(header) if length is None else length).to_bytes(8, "little")
    (folder / WEIGHTS_FILE).write_bytes(start + header + numbers)


def change_weights(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    """Changes the arrays of an export."""
    arrays = weights()
    change(arrays)
    write_portable(folder, arrays, json.loads((folder / SETTINGS_FILE).read_text()))
