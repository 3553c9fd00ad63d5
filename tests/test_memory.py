import platform
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc and /proc")
def test_memory_is_kept_within_the_context_and_returned_on_demand():
    return_memory()  # what earlier tests left free would be used again, and the process would grow by less
    before = resident()
    with kept_memory() as can_keep:
        assert can_keep
        block = torch.ones(100 * MIB, dtype=torch.uint8)
        del block
    assert resident() - before > 90 * MIB
    return_memory()
    assert resident() - before < 40 * MIB


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc and /proc")
def test_what_is_allocated_outside_goes_back_at_once():
    with kept_memory():
        pass
    return_memory()
    before = resident()
    block = torch.ones(100 * MIB, dtype=torch.uint8)
    del block
    assert resident() - before < 40 * MIB


def test_elsewhere_nothing_is_touched(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with kept_memory() as can_keep:
        assert not can_keep
    return_memory()


def test_new_tensors_are_not_filled_although_pytorch_is_deterministic(monkeypatch):
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    skip_memory_fill()
    assert not torch.utils.deterministic.fill_uninitialized_memory
