"""A folder that looks like an installation of StarCraft II with SMAC's maps, with the stand-in as its binary."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import rllib_remix
from rllib_remix.envs.smac.maps import MAPS
from tests.envs.smac.standin.faults import FAULTS_FILE, Fault

BUILD = 75689  # StarCraft II 4.10
_REPOSITORY = Path(__file__).resolve().parents[4]
_LAUNCHES = "launches"  # a file per game process, named by its number; holds the process id


class Installation:
    """What tests see of such a folder.

    Attributes:
        folder: for SC2PATH.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which clients find this installation."""
        return {"SC2PATH": str(self.folder)}

    @property
    def binary(self) -> Path:
        return self.folder / "Versions" / f"Base{BUILD}" / "SC2_x64"

    def set_faults(self, *faults: Fault) -> None:
        """What goes wrong from now on, in running games too; nothing without arguments."""
        for done in self.folder.glob("done_*"):
            done.unlink()
        path = self.folder / FAULTS_FILE
        new = path.with_suffix(".new")
        new.write_text(json.dumps([asdict(fault) for fault in faults]), encoding="utf-8")
        new.replace(path)

    def launched(self) -> list[int]:
        """Process ids of all games that ever started here, in that order."""
        files = sorted((self.folder / _LAUNCHES).glob("[0-9]*"))
        return [int(path.read_text()) for path in files]

    def running(self) -> list[int]:
        """Process ids of the games that have not ended (those that nobody waited for have)."""
        return [pid for pid in self.launched() if _runs(pid, str(self.folder))]


def install(folder: Path, maps: Iterable[str] = MAPS, python: str = sys.executable) -> Installation:
    """Makes such an installation.

    Args:
        folder: where; made if it is not there.
        maps: names of the maps to install; their files are empty, as the stand-in knows SMAC's maps by name.
        python: the interpreter that runs the stand-in.
    """
    folder = folder.resolve()
    installation = Installation(folder)
    for path in (installation.binary.parent, folder / "Maps" / "SMAC_Maps", folder / _LAUNCHES):
        path.mkdir(parents=True, exist_ok=True)
    for name in maps:
        (folder / "Maps" / "SMAC_Maps" / f"{name}.SC2Map").write_bytes(b"a map of the stand-in\n")
    package = Path(rllib_remix.__file__).resolve().parents[1]
    path = os.pathsep.join(dict.fromkeys((str(_REPOSITORY), str(package))))
    installation.binary.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(path)} "
        f'exec {shlex.quote(python)} -m tests.envs.smac.standin.server "$@"\n',
        encoding="utf-8",
    )
    installation.binary.chmod(0o755)
    return installation


def register_launch(folder: Path) -> int:
    """Writes this process into the folder's list of games; returns its number there, from 1."""
    launches = folder / _LAUNCHES
    launches.mkdir(exist_ok=True)
    mine = launches / f"new_{os.getpid()}"
    mine.write_text(str(os.getpid()))
    number = 1
    while True:
        try:
            os.link(mine, launches / f"{number:06d}")
        except FileExistsError:
            number += 1
        else:
            mine.unlink()
            return number


def _runs(pid: int, folder: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return state not in (b"Z", b"X") and folder.encode() in arguments
