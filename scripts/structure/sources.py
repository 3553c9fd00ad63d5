"""The sources of a package, from a folder or from a revision in git."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

# The text of every Python file by its path within the package: {"envs/registry.py": "…"}.
Sources = dict[str, str]


def from_folder(package: Path) -> Sources:
    """The sources of a package as they lie in a folder."""
    return {
        file.relative_to(package).as_posix(): file.read_text(encoding="utf-8")
        for file in sorted(package.rglob("*.py"))
    }


def from_revision(package: Path, revision: str) -> Sources:
    """The sources of a package as a revision of its repository has them; the work tree is not touched.

    Raises:
        ValueError: there is no such revision, or no such package in it.
    """
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, package.name], cwd=package.parent, capture_output=True
    )
    if archive.returncode:
        raise ValueError(archive.stderr.decode(errors="replace").strip())
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        members = [member for member in tar.getmembers() if member.isfile() and member.name.endswith(".py")]
        texts = {member.name: tar.extractfile(member) for member in members}
        return {
            name.removeprefix(f"{package.name}/"): text.read().decode("utf-8")
            for name, text in sorted(texts.items())
            if text is not None
        }
