"""Weights and settings in a form that can be read without pickle: safetensors and JSON.

Unpickling runs code that the file names, so a pickle from a stranger can do anything. These two files can only hold
numbers and text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

PORTABLE = "portable"  # the folder's name inside a checkpoint
WEIGHTS_FILE = "weights.safetensors"
SETTINGS_FILE = "settings.json"


def write_portable(folder: Path, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
    """Writes both files into `folder`, which is made if it is missing.

    Args:
        folder: where to.
        weights: name → array, of any numeric dtype of NumPy.
        settings: what JSON can hold; see `as_json`.

    Raises:
        OSError: no room, or no permission.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Not safetensors' own writing to a file: its error for a full disk is no OSError.
    contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    (folder / WEIGHTS_FILE).write_bytes(safetensors.numpy.save(contiguous))
    (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=1), encoding="utf-8")


def find_portable(folder: Path) -> Path:
    """The folder with the two files: `portable` inside a checkpoint, else `folder` itself (an export)."""
    inside = folder / PORTABLE
    return inside if inside.is_dir() else folder


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of a folder that `write_portable` wrote.

    Raises:
        ValueError: not JSON, or no object.
        OSError: the file cannot be read.
    """
    settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    if not isinstance(settings, dict):
        raise ValueError(f"{SETTINGS_FILE} holds no object")
    return settings


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """Name → array, of a folder that `write_portable` wrote.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read.
    """
    try:
        return safetensors.numpy.load((folder / WEIGHTS_FILE).read_bytes())
    except safetensors.SafetensorError as error:
        raise ValueError(f"{WEIGHTS_FILE}: {error}") from error


def as_json(values: dict[str, Any]) -> dict[str, Any]:
    """The part of `values` that JSON can hold; tuples become lists, and names starting with "_" are left out."""
    kept = {}
    for name, value in values.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            continue
        if not str(name).startswith("_"):
            kept[str(name)] = value
    return kept
