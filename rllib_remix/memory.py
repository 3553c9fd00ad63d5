"""Settings of the process that spare a learner the cost of getting the same memory again in every update."""

from __future__ import annotations

import ctypes
import functools
import platform

import torch

# Numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


@functools.cache
def keep_freed_memory() -> bool:
    """Makes the C library keep freed memory for the next allocation, instead of returning it to the system.

    An update allocates and frees hundreds of MiB, and with glibc's defaults the system hands every page out anew
    and clears it, which took a fifth to a third of an update. The process keeps the memory of its largest update.

    Returns:
        Whether there is such a switch here: with glibc, but not on other systems.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_M_MMAP_MAX, 0) and library.mallopt(_M_TRIM_THRESHOLD, _NEVER))


def skip_memory_fill() -> None:
    """Leaves new tensors unwritten although PyTorch is deterministic; nothing here reads what it did not write.

    RLlib makes PyTorch deterministic where there is a seed, and PyTorch then fills all new tensors with NaN.
    """
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
