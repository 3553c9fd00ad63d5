"""Process groups on Linux: who belongs to one, what it holds in memory, and how it ends for certain."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PAGE = os.sysconf("SC_PAGE_SIZE")


def group_members(group: int) -> dict[int, int]:
    """Process id → bytes of resident memory, of all living processes of a process group."""
    members = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The name in brackets may hold anything; behind it: state, parent, group, …, resident pages.
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
            members[int(name)] = int(fields[21]) * _PAGE
    return members


def kill_group(group: int) -> None:
    """SIGKILL for every process of the group; none left is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def death_of(pid: int) -> str:
    """How an own child that may have ended did so, in words; it is not reaped, so its id stays its own."""
    try:
        result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return "ended"
    if result is None:
        return "closed its connection"
    if result.si_code == os.CLD_EXITED:
        return f"ended with exit code {result.si_status}"
    name = signal.Signals(result.si_status).name
    short_of_memory = "; the system may be short of memory" if name == "SIGKILL" else ""
    return f"was killed by {name}{short_of_memory}"


def bind_children_to_this_process() -> None:
    """From now on the kernel kills every process that this process's main thread starts when this one ends.

    The signal comes when the thread ends that started the child, so children of other threads are left alone.
    """
    prctl = ctypes.CDLL(
        None, use_errno=True
    ).prctl  # before any fork: loading a library after it may deadlock
    parent = os.getpid()

    class BoundPopen(subprocess.Popen):
        def __init__(self, *args: Any, **kwargs: Any):
            if threading.current_thread() is threading.main_thread():
                own = kwargs.get("preexec_fn")

                def bind() -> None:
                    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                    if os.getppid() != parent:  # it ended before the kernel was told
                        os._exit(1)
                    if own is not None:
                        own()

                kwargs["preexec_fn"] = bind
            super().__init__(*args, **kwargs)

    subprocess.Popen = BoundPopen  # type: ignore[misc]
