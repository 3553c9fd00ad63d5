"""Virtual environments of the peers: one each, with pinned packages, made once and kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"


class NotInstalled(Exception):
    """A peer's environment could not be made; the message is the reason."""


def prepare(name: str, folder: Path) -> Path:
    """The Python of a peer's environment in `folder`, which is made if it is not there, or has other packages.

    Raises:
        NotInstalled: a package cannot be had, or not for this Python.
    """
    place, python = folder / name, folder / name / "bin" / "python"
    stamp, wanted = place / ".installed", f"{sys.version}\n{requirements(name)}"
    # Written last: Ctrl-C in the middle must not leave a half-made environment in use.
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    folder.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(place)])
    # Their declared dependencies rule each other out, or do not build; the lists have what QMIX needs.
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    _run([str(python), *install, *requirements(name).split()])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def requirements(name: str) -> str:
    """The pinned packages of a peer, after those that all have, without comments."""
    files = (REQUIREMENTS / f"{name}.txt", REQUIREMENTS / "all.txt")
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if line.lower().startswith("error")] or said or ["no reason given"]
        raise NotInstalled(errors[-1].strip())
