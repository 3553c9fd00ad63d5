"""What a game server is told to do wrong: it crashes, hangs, answers late or takes ever more memory.

A fault is a JSON object; a list of them stands in the file FAULTS_FILE of the game's folder, which is read before
every request, so that a test can change it while the game runs, or in the environment variable FAULTS_VARIABLE.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

FAULTS_FILE = "faults.json"
FAULTS_VARIABLE = "STANDIN_FAULTS"
EXIT_CODE = 70


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Without `at` and `probability` it happens at every such request.
    """

    do: str  # "exit", "hang" (for ever), "wait" (`seconds`) or "eat" (`megabytes`, kept until the process ends)
    on: str  # a request by its name in the protocol ("create_game", "step", "debug", …), or "launch"
    at: int | None = None  # only at the process's at-th such request, from 1
    probability: float | None = None  # at each such request, by chance
    seed: int = 0  # of that chance; every process of a folder draws differently
    once: bool = False  # in one process of the folder only
    seconds: float = 1.0
    megabytes: float = 1.0

    @property
    def key(self) -> str:
        """A name for files that belong to this fault."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


class Faults:
    """The faults of one process; `before(request)` is where they happen.

    Args:
        folder: the game's folder, with FAULTS_FILE.
        launch: which process of the folder this is, from 1.
    """

    def __init__(self, folder: Path, launch: int):
        self._folder, self._launch = folder, launch
        self._counts: dict[str, int] = {}
        self._chances: dict[Fault, random.Random] = {}
        self._version: object = ()
        self._in_file: list[Fault] = []
        self._in_environment = _parse(os.environ.get(FAULTS_VARIABLE, "[]"))
        self._eaten: list[bytearray] = []

    def before(self, request: str) -> None:
        """Does what is to go wrong before this request is answered; may never return."""
        self._counts[request] = self._counts.get(request, 0) + 1
        for fault in (*self._in_environment, *self._read_file()):
            if fault.on == request and self._happens(fault):
                self._do(fault)

    def _read_file(self) -> list[Fault]:
        path = self._folder / FAULTS_FILE
        try:
            status = path.stat()
        except FileNotFoundError:
            return []
        version = status.st_mtime_ns, status.st_ino
        if version != self._version:
            self._version, self._in_file = version, _parse(path.read_text(encoding="utf-8"))
        return self._in_file

    def _happens(self, fault: Fault) -> bool:
        if fault.at is not None and self._counts[fault.on] != fault.at:
            return False
        if fault.probability is not None:
            chance = self._chances.setdefault(fault, random.Random(f"{fault.seed} {self._launch}"))
            if chance.random() >= fault.probability:
                return False
        return not fault.once or self._is_first(fault)

    def _is_first(self, fault: Fault) -> bool:
        try:
            (self._folder / f"done_{fault.key}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _do(self, fault: Fault) -> None:
        if fault.do == "exit":
            os._exit(EXIT_CODE)
        elif fault.do == "hang":
            _hang()
        elif fault.do == "wait":
            time.sleep(fault.seconds)
        elif fault.do == "eat":
            self._eaten.append(bytearray(b"\1") * int(fault.megabytes * 2**20))
        else:
            raise ValueError(f"do: {fault.do!r} is not allowed; it must be 'exit', 'hang', 'wait' or 'eat'.")


def _parse(text: str) -> list[Fault]:
    return [Fault(**fault) for fault in json.loads(text)]


def _hang() -> NoReturn:
    while True:
        threading.Event().wait()
