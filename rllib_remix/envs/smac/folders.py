"""Where games keep temporary files and their output, and how what dead processes left there goes away."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

_KEPT_LOGS_S = 7 * 86_400.0
_LOCK = "lock"


def root_folder() -> Path:
    """The folder of all games of this user on this machine."""
    root = Path(tempfile.gettempdir()) / f"rllib_remix_smac_{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    return root


def start_file() -> Path:
    """The file that spaces the starts of this user's games on this machine."""
    return root_folder() / "latest_start"


class WorkFolder:
    """One environment's folder: `game_<copy>` for temporary files, `game_<copy>.log` for its processes' output.

    It is locked as long as the environment's process lives, so whatever is found unlocked is nobody's any more.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: IO[str] | None = None

    @property
    def path(self) -> Path:
        """Made when it is first asked for, after a look for what dead environments left."""
        if self._path is None:
            root = root_folder()
            with open(root / _LOCK, "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for folder in root.glob("env_*"):
                    _clean_if_dead(folder)
                self._path = Path(tempfile.mkdtemp(prefix="env_", dir=root))
                self._lock = open(self._path / _LOCK, "w")  # noqa: SIM115 (held until `close`)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self._path

    def log(self, copy: int) -> Path:
        return self.path / f"game_{copy}.log"

    def temporary(self, copy: int) -> Path:
        """A new and empty folder for the game of a copy, which has no other living process."""
        folder = self.path / f"game_{copy}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def close(self, *, keep_logs: bool) -> None:
        """Removes the folder, or all but its logs, which stay for a week; the next use makes a new one."""
        if self._path is None or self._lock is None:
            return
        if keep_logs:
            _remove_temporary(self._path)
        else:
            shutil.rmtree(self._path, ignore_errors=True)
        self._lock.close()
        self._path = self._lock = None


def _clean_if_dead(folder: Path) -> None:
    try:
        with open(folder / _LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old = time.time() - folder.stat().st_mtime > _KEPT_LOGS_S
            shutil.rmtree(folder, ignore_errors=True) if old else _remove_temporary(folder)
    except OSError:  # in use, or gone meanwhile
        return


def _remove_temporary(folder: Path) -> None:
    for path in folder.glob("game_*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
