"""Settings of the process that spare a learner the cost of getting the same memory again in every update."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import platform
from collections.abc import Iterator
from typing import Any

import torch

# Numbers and a default of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER, _DEFAULT_MMAP_MAX = -1, 65536


@contextlib.contextmanager
def kept_memory() -> Iterator[bool]:
    """While it lasts, what is allocated comes from memory that the process keeps when it is freed.

    An update allocates and frees hundreds of MiB, and with glibc's defaults the system hands every page out anew
    and clears it, which took a fifth to a third of an update. The process keeps the memory of its largest update
    until `return_memory`. Large arrays that are allocated outside of the context are returned as ever.

    Yields:
        Whether there is such a switch here: with glibc, but not on other systems.
    """
    library = _glibc()
    if library is None:
        yield False
        return
    library.mallopt(_M_TRIM_THRESHOLD, _NEVER)
    library.mallopt(_M_MMAP_MAX, 0)
    try:
        yield True
    finally:
        library.mallopt(_M_MMAP_MAX, _DEFAULT_MMAP_MAX)


def return_memory() -> None:
    """Gives freed memory back to the system."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@functools.cache
def _glibc() -> Any:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def machine_memory() -> int | None:
    """Bytes of memory that this machine has; None if its system does not tell."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def skip_memory_fill() -> None:
    """Leaves new tensors unwritten although PyTorch is deterministic; nothing here reads what it did not write.

    RLlib makes PyTorch deterministic where there is a seed, and PyTorch then fills all new tensors with NaN. The
    switch is the whole process's.
    """
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
