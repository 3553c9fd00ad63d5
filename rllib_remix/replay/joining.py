"""One batch out of what several shards gave."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rllib_remix.replay.layout import OVER_TIME


def join(
    parts: list[tuple[np.ndarray, dict[str, np.ndarray]]], num_episodes: int, pin_memory: bool
) -> dict[str, Tensor]:
    """One batch of the rows of all parts, in new tensors; past the end of its longest episode a part is 0."""
    longest = max(int(part["lengths"].max()) for _, part in parts)
    batch = {}
    for name, values in parts[0][1].items():
        over_time = (longest + OVER_TIME[name],) if name in OVER_TIME else ()
        shape = (num_episodes, *over_time, *values.shape[1 + len(over_time) :])
        dtype = torch.from_numpy(np.zeros(0, values.dtype)).dtype
        pin = pin_memory and name in OVER_TIME
        batch[name] = torch.empty(shape, dtype=dtype, pin_memory=pin)
        for rows, part in parts:
            write_rows(batch[name].numpy(), rows, part[name])
    return batch


def write_rows(whole: np.ndarray, rows: np.ndarray, part: np.ndarray) -> None:
    """Lays the part's rows into the whole's, and 0 behind what is shorter."""
    if whole.ndim == 1:
        whole[rows] = part
        return
    end = part.shape[1]
    for row, values in zip(rows, part, strict=True):
        whole[row, :end] = values
        whole[row, end:] = 0
