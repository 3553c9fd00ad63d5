"""What the figures were measured on, and with which code."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
# Instructions that decide how fast matrix products are.
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
PACKAGES = ("torch", "numpy", "numba", "ray")


def describe() -> dict[str, Any]:
    """CPU, memory, GPU, versions, threads, and the commit of the code."""
    model, flags = _cpu()
    return {
        "cpu": model,
        "cpu_flags": [flag for flag in FLAGS if flag in flags],
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "torch_threads": torch.get_num_threads(),
        **commit(),
    }


def summary(machine: dict[str, Any]) -> str:
    """`describe()` in two lines."""
    flags = " ".join(machine["cpu_flags"]) or "none of " + " ".join(FLAGS)
    memory = f"{machine['memory_gib']} GiB" if machine["memory_gib"] else "memory unknown"
    gpu = f", {machine['gpu']} (unused)" if machine["gpu"] else ""
    packages = ", ".join(f"{package} {machine[package]}" for package in ("python", *PACKAGES))
    at = f"{(machine['commit'] or 'unknown')[:10]}{' with changes' if machine['dirty'] else ''}"
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {memory}, {flags}{gpu}\n"
        f"{packages}; threads: {machine['torch_threads']}; commit: {at}"
    )


def commit() -> dict[str, Any]:
    """The commit of the working tree, and whether anything in it differs from that commit."""
    head, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return {"commit": head, "dirty": bool(changes) if changes is not None else None}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    # Without locks: a benchmark must not get in the way of a commit.
    command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _cpu() -> tuple[str, set[str]]:
    """Name with family and model (clouds shorten the name), and the instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    entries = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = entries.get("model name", platform.machine())
    if "cpu family" in entries:
        name += f" (family {entries['cpu family']}, model {entries.get('model', '?')})"
    return name, set(entries.get("flags", "").split())


def _memory_gib() -> float | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
