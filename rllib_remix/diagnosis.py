"""Is what this package needs there, and does it work? Ray is not started."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rllib_remix.ray_releases import NEWEST_RAY, OLDEST_RAY, as_text, is_supported

OLDEST_PYTHON = (3, 10)
REQUIRED = ("ray", "torch", "numpy", "numba", "gymnasium", "pettingzoo", "scipy", "matplotlib", "safetensors")
# Import name, distribution, what it is for, how to get it.
OPTIONAL = (
    ("pygame", "pygame", "pictures of Gymnasium's environments", "render"),
    ("optuna", "optuna", "searches with Optuna", "tune"),
    ("onnx", "onnx", "teams as ONNX files", "onnx"),
    ("onnxruntime", "onnxruntime", "running and checking ONNX files", "onnx"),
    ("wandb", "wandb", "results in Weights & Biases", "loggers"),
    ("mlflow", "mlflow-skinny", "results in MLflow", "loggers"),
)
# MKL asks this function whether the processor is Intel's.
FAST_PRODUCTS = (
    "echo 'int mkl_serv_intel_cpu_true(void) { return 1; }' | gcc -shared -fPIC -x c -o ~/fast_mkl.so - "
    "&& export LD_PRELOAD=~/fast_mkl.so RAY_LD_PRELOAD_ON_WORKERS=1"
)
_GIB = 2**30
_MIN_SHM = 2 * _GIB
_MIN_FREE_DISK = 1 * _GIB


class Check(NamedTuple):
    """One thing that was looked at."""

    item: str
    state: str  # ok; problem: something required is missing or does not work; optional: something that not everybody needs
    text: str
    command: str | None = None  # that mends it


def diagnose(storage_path: str = "~/ray_results") -> list[Check]:
    """Everything, in the order in which a user would mend it."""
    return [
        _python(),
        *(_package(name) for name in REQUIRED),
        *_machine(),
        *_disks(storage_path),
        _gpus(),
        _matrix_products(),
        _kernels(),
        *(_optional(*entry) for entry in OPTIONAL),
        _job_server(),
        *_starcraft(),
    ]


def _python() -> Check:
    here = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return Check("python", "problem", f"{here} is too old; Python {oldest} or later is needed.")
    return Check("python", "ok", f"{here} ({sys.executable})")


def _package(name: str) -> Check:
    try:
        importlib.import_module(name)
        version = importlib.metadata.version(name)
    except Exception as error:  # a broken installation can raise anything
        return Check(name, "problem", f"{type(error).__name__}: {error}", "pip install -U rllib_remix")
    if name == "ray" and not is_supported(version):
        newest = as_text(NEWEST_RAY)
        return Check(
            name,
            "problem",
            f"{version} is not tested; {as_text(OLDEST_RAY)} to {newest} are.",
            f"pip install 'ray[rllib]=={newest}.*'",
        )
    return Check(name, "ok", version)


def _machine() -> list[Check]:
    count, total = _cpus(), _memory()
    memory = "unknown" if total is None else f"{total / _GIB:.1f} GiB"
    return [
        Check("CPUs", "ok", f"{count:g}"),
        Check("memory", "ok", memory),
        _shared_memory(total),
    ]


def _cpus() -> float:
    """Those that this process may use, in a container those that it was given."""
    count = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        count = min(count, int(quota) / int(period))
    return count


def _memory() -> int | None:
    """Bytes of the machine, or of the container."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    limit = _read("/sys/fs/cgroup/memory.max")
    return min(total, int(limit)) if limit.isdigit() else total


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _shared_memory(memory: int | None) -> Check:
    item = "object store"
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return Check(item, "ok", "there is no /dev/shm on this system; Ray takes the temporary folder")
    disk = shutil.disk_usage(folder)
    wanted = min(_MIN_SHM, (memory or _MIN_SHM) * 3 // 10)  # Ray takes 30 % of the memory
    text = f"/dev/shm has {disk.total / _GIB:.1f} GiB, {disk.free / _GIB:.1f} free"
    if disk.free < wanted:
        return Check(
            item,
            "optional",
            f"{text}: little, so Ray puts its objects into the temporary folder, which is slower. In Docker, start "
            "the container with more:",
            "docker run --shm-size=4g …",
        )
    return Check(item, "ok", text)


def _disks(storage_path: str) -> list[Check]:
    temporary = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return [
        _disk("results", Path(storage_path).expanduser().absolute(), "--storage-path chooses another folder"),
        _disk("temporary", Path(temporary).absolute(), "RAY_TMPDIR chooses another folder for Ray"),
    ]


def _disk(item: str, folder: Path, mend: str) -> Check:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(item, "problem", f"{folder} cannot be written to; {mend}.")
    free = shutil.disk_usage(there).free
    text = f"{folder}: {free / _GIB:.1f} GiB free"
    if free < _MIN_FREE_DISK:
        return Check(item, "problem", f"{text}, which is too little; {mend}.")
    return Check(item, "ok", text)


def _gpus() -> Check:
    try:
        import torch
    except Exception:
        return Check("GPUs", "optional", "unknown, as torch does not work")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if names:
        return Check("GPUs", "ok", ", ".join(names))
    built = "" if torch.version.cuda else "; this torch is built for CPUs only"
    return Check("GPUs", "ok", f"none that torch sees{built} (none is needed)")


def _matrix_products() -> Check:
    """Whether MKL, which PyTorch multiplies with, uses this processor's AVX-512: it does on Intel's alone."""
    item = "products"
    try:
        import torch

        has_mkl = torch.backends.mkl.is_available()
    except Exception:
        return Check(item, "optional", "unknown, as torch does not work")
    cpu = _read("/proc/cpuinfo").partition("\n\n")[0]
    if not (has_mkl and "AuthenticAMD" in cpu and "avx512f" in cpu.split()):
        return Check(item, "ok", "matrix products use what the processor has")
    overridden = getattr(ctypes.CDLL(None), "mkl_serv_intel_cpu_true", None)
    if overridden is not None and overridden():
        return Check(item, "ok", "matrix products use AVX-512, as MKL was told to")
    return Check(
        item,
        "optional",
        "PyTorch's MKL uses AVX2 on AMD's processors, and this one has AVX-512; training can be 1.1 to 1.8 times faster "
        "(docs/performance.md, AMD processors). Before `rllib`:",
        FAST_PRODUCTS,
    )


def _kernels() -> Check:
    """Plays two steps of a compiled environment."""
    item = "kernels"
    try:
        from rllib_remix.compiling import CACHE
        from rllib_remix.envs.registry import make_team_env

        begin = time.monotonic()
        env = make_team_env("predator_prey", {}, 1)
        env.step(env.reset(0).avail_actions.argmax(-1))
        seconds = time.monotonic() - begin
    except Exception as error:
        return Check(
            item, "problem", f"compiled code fails: {type(error).__name__}: {error}", "pip install -U numba"
        )
    text = f"compiled environments run (ready after {seconds:.1f} s)"
    if not CACHE:
        return Check(
            item,
            "optional",
            f"{text}, but every process compiles anew, as neither the package's folder nor the user's cache can be "
            "written. Name a folder that can:",
            "export NUMBA_CACHE_DIR=/path/to/a/folder",
        )
    return Check(item, "ok", f"{text}; what is compiled is kept on disk")


def _optional(module: str, distribution: str, use: str, extra: str) -> Check:
    if importlib.util.find_spec(module) is None:
        return Check(
            distribution, "optional", f"not installed; for {use}", f"pip install 'rllib_remix[{extra}]'"
        )
    return Check(distribution, "ok", f"{_version(distribution)} ({use})")


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "there"


def _job_server() -> Check:
    """What Ray's dashboard and job server need, as Ray itself says it."""
    item = "job server"
    missing = [name for name in _requirements("ray", "default") if not _is_installed(name)]
    if missing:
        return Check(
            item,
            "optional",
            f"not installed: {', '.join(missing)}; for `rllib train --submit` and the dashboard",
            "pip install 'rllib_remix[cluster]'",
        )
    return Check(item, "ok", "its packages are there (`rllib train --submit`, dashboard)")


def _requirements(distribution: str, extra: str) -> list[str]:
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return [distribution]
    found = (Requirement(line) for line in lines)
    return [
        requirement.name
        for requirement in found
        if requirement.marker is not None
        and requirement.marker.evaluate({"extra": extra})
        and not requirement.marker.evaluate({"extra": ""})
    ]


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _starcraft() -> list[Check]:
    """The same as `rllib smac check`, where nothing of it is required."""
    from rllib_remix.envs.smac.preflight import preflight

    findings = preflight()
    missing = [finding.item for finding in findings if finding.is_missing]
    if not missing:
        return [Check("StarCraft II", "ok", "everything is there for the environment smac")]
    return [
        Check(
            "StarCraft II",
            "optional",
            f"the environment smac lacks: {', '.join(missing)} (smac_sim needs none of it). What to do says:",
            "rllib smac check",
        )
    ]
