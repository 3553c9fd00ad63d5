"""Weights and settings in a form that can be read without pickle: safetensors and JSON.

Unpickling runs code that the file names, so a pickle from a stranger can do anything. These two files can only hold
numbers and text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Container
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import safetensors
import safetensors.numpy

from rllib_remix.checkpoints.reading import (
    CheckpointError,
    is_json,
    opened,
    parse_json_object,
    read_json,
    size_of,
    unreadable,
)
from rllib_remix.errors import shown
from rllib_remix.models.sizes import NETWORKS

PORTABLE = "portable"  # the folder's name inside a checkpoint
WEIGHTS_FILE = "weights.safetensors"
SETTINGS_FILE = "settings.json"

MAX_HEADER_BYTES = 2**20  # of the weights' file; a tensor takes about 100
MAX_WEIGHTS_BYTES = 4 * 2**30
_MAX_RANK = 32
_LONGEST_NAME = 200  # characters
_NAME = re.compile(r"\w+(\.[\w-]+)+", re.ASCII)  # of a weight: its network, and where in it
_COPIES = 6  # of the file that are in memory for a moment, at most; as float32 half-precision numbers are two
# safetensors' names of dtypes -> bytes of a number. Weights of 8 bits or less need a scale that nothing here knows.
_FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_DTYPES = _FLOATS | {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}


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


def portable_name(folder: Path, file: str) -> str:
    """The name within a checkpoint or an export of one of the two files."""
    return str((find_portable(folder) / file).relative_to(folder))


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of a checkpoint, or of a folder that `write_portable` wrote.

    Raises:
        CheckpointError: they cannot be read, or are no JSON object.
    """
    return read_json(folder, portable_name(folder, SETTINGS_FILE))


def read_weights(folder: Path, shapes: dict[str, tuple[int, ...]] | None = None) -> dict[str, np.ndarray]:
    """Name → array, of a checkpoint or of a folder that `write_portable` wrote.

    Args:
        folder: of a checkpoint or an export.
        shapes: the shapes of all arrays that may be there of the networks NETWORKS. These must then be floating-point
            numbers, and become float32. Arrays of other networks, and without `shapes` all, stay as they are, but for
            bfloat16, which NumPy has not: it becomes float32.

    Raises:
        CheckpointError: the file is missing, damaged, larger than the arrays that it names, or has others of these
            networks; or a number is not finite.
    """
    name = portable_name(folder, WEIGHTS_FILE)
    try:
        content = _read_checked(folder, name, shapes)
        weights = _as_arrays(content, to_float32=shapes or ())
    except CheckpointError:
        raise
    except safetensors.SafetensorError as error:
        raise unreadable(folder, name, f"cannot be read ({shown(str(error))}).") from error
    except ValueError as error:
        raise unreadable(folder, name, f"cannot be read ({error}).") from error
    except MemoryError as error:
        raise unreadable(folder, name, "cannot be read: there is not enough memory for it.") from error
    check_finite(folder, name, weights)
    return weights


def check_finite(folder: Path, name: str, weights: dict[str, np.ndarray]) -> None:
    """Raises CheckpointError if a weight is not a finite number."""
    for key, array in weights.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            wrong = int(array.size - np.isfinite(array).sum())
            raise unreadable(
                folder,
                name,
                f"holds weights that are not finite: {wrong:,} of {array.size:,} in {shown(key)}. The training that "
                "saved them had failed; use an earlier checkpoint.",
            )


def _read_checked(folder: Path, name: str, shapes: dict[str, tuple[int, ...]] | None) -> bytes:
    """The whole file, after a check that it is as large as its header and `shapes` say. Raises ValueError."""
    with opened(folder, name) as file:
        size = size_of(file)
        length = int.from_bytes(file.read(8), "little")
        if length > min(MAX_HEADER_BYTES, size - 8):
            raise ValueError(
                f"its header has {length:,} bytes; allowed: {MAX_HEADER_BYTES:,}, and no more than there are"
            )
        tensors = parse_json_object(file.read(length))
        tensors.pop("__metadata__", None)
        sizes = {key: _bytes_of(key, entry, shapes) for key, entry in tensors.items()}
        _check_is_complete(tensors, shapes or {})
        expected = 8 + length + sum(sizes.values())
        if size != expected:
            raise ValueError(f"it has {size:,} bytes, its header and arrays have {expected:,}")
        if size > MAX_WEIGHTS_BYTES:
            raise ValueError(f"it has {size:,} bytes; allowed: {MAX_WEIGHTS_BYTES:,} at most")
        # Memory for all copies is asked for at once (and not touched): where it ends midway, safetensors panics.
        np.empty(_COPIES * size, np.uint8)
        file.seek(0)
        return file.read(size)


def _bytes_of(key: str, entry: Any, shapes: dict[str, tuple[int, ...]] | None) -> int:
    """Bytes of one array of the header, after a check that it is one of those that may be there."""
    dtype, shape = (entry.get("dtype"), entry.get("shape")) if isinstance(entry, dict) else (None, None)
    is_checked = shapes is not None and (key in shapes or not _is_of_another_network(key))
    allowed = _FLOATS if is_checked else _DTYPES
    if not isinstance(dtype, str) or dtype not in allowed:
        raise ValueError(f"{shown(key)} has the dtype {shown(dtype)}; allowed: {', '.join(allowed)}")
    if not _is_shape(shape):
        raise ValueError(f"{shown(key)} has the shape {shown(shape)}; allowed: a list of sizes")
    if shapes is not None and is_checked:
        if key not in shapes:
            raise ValueError(f"{shown(key)} is no weight of a team of these sizes and networks")
        if tuple(shape) != shapes[key]:
            raise ValueError(
                f"{shown(key)} has the shape {shown(shape)}; team and networks say {list(shapes[key])}"
            )
    return allowed[dtype] * math.prod(shape)


def _is_of_another_network(key: str) -> bool:
    """Whether it may be the name of a weight of a network that only the algorithm knows, such as critic.0.bias."""
    network = key.partition(".")[0].removeprefix("target_")
    return network not in NETWORKS and len(key) <= _LONGEST_NAME and bool(_NAME.fullmatch(key))


def _is_shape(value: Any) -> TypeGuard[list[int]]:
    sides = value if isinstance(value, list) and len(value) <= _MAX_RANK else [None]
    return all(type(side) is int and side >= 0 for side in sides)


def _check_is_complete(tensors: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    """Raises ValueError unless the agents, and all other networks of which there is a part, are there as a whole."""
    networks = {"agent"} | {key.partition(".")[0] for key in tensors}
    for key in shapes:
        if key.partition(".")[0] in networks and key not in tensors:
            raise ValueError(f"{shown(key)} is missing")


def _as_arrays(content: bytes, *, to_float32: Container[str]) -> dict[str, np.ndarray]:
    import safetensors.torch  # NumPy has no bfloat16
    import torch

    arrays = {}
    for name, tensor in safetensors.torch.load(content).items():
        converts = name in to_float32 or tensor.dtype == torch.bfloat16
        arrays[name] = (tensor.float() if converts else tensor).numpy()
    return arrays


def as_json(values: dict[str, Any]) -> dict[str, Any]:
    """The part of `values` that JSON can hold and that can be read back; names starting with "_" are left out."""
    return {
        str(name): value for name, value in values.items() if not str(name).startswith("_") and is_json(value)
    }
