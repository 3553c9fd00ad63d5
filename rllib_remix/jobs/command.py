"""The command line of a job: what the user typed, for a machine that has none of the user's files."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError

# What the console script `rllib` runs; the cluster may have the package without its script.
PROGRAM = ("python", "-m", "rllib_remix.cli")
# Options that say how a run is sent, not what it is.
OF_SUBMISSION = ("submit", "no_wait", "runtime_env", "ray_address")
# Options of a Ray that the command itself starts.
STARTS_RAY = ("ray_num_cpus", "ray_num_gpus", "ray_num_nodes", "ray_object_store_memory", "ray_ui")


@dataclass(frozen=True)
class GivenOption:
    """An option as the user gave it."""

    name: str  # such as ray_num_cpus
    word: str  # such as --ray-num-cpus
    value: str | None = None  # None of one that takes none


@dataclass(frozen=True)
class GivenCommand:
    """A command as the user gave it, without what was left to its defaults."""

    names: Sequence[str]  # such as train, file
    options: Sequence[GivenOption]
    file: str | None = None  # of experiments


class ShippedFiles:
    """The files that a job's command names, gathered in one folder that travels with the job.

    Args:
        folder: an empty one, for copies.
        runtime_env: the user's; a local `working_dir` in it travels instead of `folder` and must hold the files.
    """

    def __init__(self, folder: Path, runtime_env: dict[str, Any]):
        self._folder = folder
        self._own = runtime_env.get("working_dir")
        self._names: dict[Path, str] = {}

    @property
    def working_dir(self) -> str | None:
        """The folder to send, or None if it is the user's own affair or no file is needed."""
        return str(self._folder) if self._names and self._own is None else None

    def ship(self, path: str) -> str:
        """The name of a file as the job sees it.

        Raises:
            UserError: it does not lie in the working_dir that the user gave.
        """
        source = Path(path).expanduser().resolve()
        if self._own is not None:
            return self._within_own(source)
        if source not in self._names:
            # Two folders may have files of one name.
            taken = source.name in self._names.values()
            self._names[source] = f"{len(self._names)}_{source.name}" if taken else source.name
            shutil.copyfile(source, self._folder / self._names[source])
        return self._names[source]

    def _within_own(self, source: Path) -> str:
        try:
            return str(source.relative_to(Path(str(self._own)).expanduser().resolve()))
        except ValueError:
            raise UserError(
                f"--runtime-env: working_dir {self._own!r} does not hold {str(source)!r}; give a local folder that "
                "holds all files of the command, or no working_dir."
            ) from None


def job_command(given: GivenCommand, files: ShippedFiles) -> str:
    """The shell command that repeats what the user gave, without --submit and what belongs to it.

    Args:
        given: the command.
        files: takes the experiment file and every @FILE.

    Raises:
        UserError: an option starts a Ray on this machine.
    """
    file = [] if given.file is None else [files.ship(given.file)]
    words = [*PROGRAM, *given.names]
    for option in given.options:
        if option.name in OF_SUBMISSION:
            continue
        if option.name in STARTS_RAY:
            raise UserError(f"{option.word}: starts Ray here, but --submit runs on a cluster; give one.")
        words += [option.word] if option.value is None else [option.word, _text(option.value, files)]
    # `exec`: a signal that stops the job must reach the run itself, not a shell around it.
    return "exec " + shlex.join([*words, *file])


def _text(text: str, files: ShippedFiles) -> str:
    return "@" + files.ship(text[1:]) if text.startswith("@") else text
