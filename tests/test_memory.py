import platform

import torch

from rllib_remix.memory import keep_freed_memory, skip_memory_fill


def test_freed_memory_is_kept_where_the_c_library_can():
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_elsewhere_nothing_is_touched(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", None)
    assert keep_freed_memory.__wrapped__() is False


def test_new_tensors_are_not_filled_although_pytorch_is_deterministic(monkeypatch):
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    skip_memory_fill()
    assert not torch.utils.deterministic.fill_uninitialized_memory
