import platform
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from rllib_remix import memory
from rllib_remix.memory import kept_memory, return_memory, skip_memory_fill

MIB = 2**20


def resident() -> int:
    """This process's memory in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def kept_and_returned() -> tuple[bool, int, int]:
    """Whether memory can be kept, and how much of 100 MiB is there after they were freed, and were returned."""
    before = resident()
    with kept_memory() as can_keep:
        block = torch.ones(100 * MIB, dtype=torch.uint8)
        del block
    kept = resident() - before
    return_memory()
    return can_keep, kept, resident() - before


def left_outside() -> int:
    """How much of 100 MiB that were allocated and freed after the context is still there."""
    with kept_memory():
        pass
    return_memory()
    before = resident()
    block = torch.ones(100 * MIB, dtype=torch.uint8)
    del block
    return resident() - before


def alone(function):
    """What a function returns in a process of its own.

    Where a limit of memory has been met, glibc goes on in another part of the heap, in which nothing large is kept.
    """
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(function)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc and /proc")
def test_memory_is_kept_within_the_context_and_returned_on_demand():
    can_keep, kept, returned = alone(kept_and_returned)
    assert can_keep
    assert kept > 90 * MIB
    assert returned < 40 * MIB


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc and /proc")
def test_what_is_allocated_outside_goes_back_at_once():
    assert alone(left_outside) < 40 * MIB


def test_elsewhere_nothing_is_touched(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with kept_memory() as can_keep:
        assert not can_keep
    return_memory()


def test_new_tensors_are_not_filled_although_pytorch_is_deterministic(monkeypatch):
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    skip_memory_fill()
    assert not torch.utils.deterministic.fill_uninitialized_memory
