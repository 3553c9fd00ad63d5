import json
import os
import tempfile
import time
from pathlib import Path

import pytest

from rllib_remix.envs.smac.env import Smac

FAKE = "tests.envs.smac.fake_client:FakeClient"
QUICK = {"client": FAKE, "map_name": "3m", "start_interval_s": 0, "start_backoff_s": 0.01}


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    """Games of a test keep their files in the test's own folder."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class Fakes:
    """Makes environments of fake clients, and reads what those noted."""

    def __init__(self, folder: Path, monkeypatch):
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._made: list[Smac] = []

    def make(self, num_envs=1, *, faults=None, told=None, **settings) -> Smac:
        told = {"folder": str(self.folder), "faults": faults or {}, **(told or {})}
        self._monkeypatch.setenv("FAKE_CLIENT", json.dumps(told))
        self._made.append(Smac(num_envs, **(QUICK | settings)))
        return self._made[-1]

    def starts(self) -> list[dict]:
        """Arguments, `pid` and `time` of every start of a game, in their order."""
        file = self.folder / "starts"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def close(self):
        for env in self._made:
            env.close()


@pytest.fixture
def fakes(tmp_path, monkeypatch, processes_of_test):
    made = Fakes(tmp_path, monkeypatch)
    yield made
    made.close()


def runs(pid: int) -> bool:
    """Whether there is such a process, and not only its remains."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def ended(pids, within_s=5.0) -> bool:
    """Whether all these processes end within some seconds."""
    deadline = time.monotonic() + within_s
    while any(map(runs, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def children(pid: int) -> list[int]:
    """Ids of all descendants of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(path.parent.name), *children(int(path.parent.name))]
    return found


@pytest.fixture
def processes_of_test():
    """Ids of the processes that this test started and that run; none may be left at its end."""
    before = set(children(os.getpid()))
    yield lambda: [pid for pid in children(os.getpid()) if pid not in before]
    assert ended([pid for pid in children(os.getpid()) if pid not in before])
