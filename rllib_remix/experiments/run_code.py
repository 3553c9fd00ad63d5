"""The user's code that a run keeps as it was when it began, and whether the files that it came from have changed."""

from __future__ import annotations

import hashlib
import inspect
import io
import shlex
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from ray import cloudpickle

import rllib_remix
from rllib_remix.checkpoints.finding import find_checkpoint
from rllib_remix.errors import UserError

# Of what is installed code may travel by value too; a newer version of it is no change that a user made.
_INSTALLED = tuple(
    Path(folder).resolve()
    for folder in (
        *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")),
        Path(rllib_remix.__file__).parent,
    )
)


def code_by_value(value: Any) -> dict[str, str]:
    """The files of the classes and functions of which a pickle of `value` holds the code, with a hash of each.

    That is what stands in the file of `rllib train file`, in a script or in another function; whatever can be imported
    is held by its name.
    """
    pickler = _Recorder(io.BytesIO())
    pickler.dump(value)
    files = {Path(name).resolve() for name in pickler.files}
    own = sorted(file for file in files if not any(file.is_relative_to(folder) for folder in _INSTALLED))
    return {str(file): digest for file in own if (digest := _digest(file)) is not None}


def changed_files(code: Mapping[str, str]) -> list[str]:
    """The files of `code_by_value` whose text is another one now; those that are not there any more are left out."""
    return [file for file, digest in code.items() if _digest(Path(file)) not in (digest, None)]


def with_new_code(changed: list[str], run: Path) -> str:
    """What to do to go on with the new code.

    Args:
        changed: files, at least one.
        run: folder of the run.
    """
    file = shlex.quote(changed[0]) if len(changed) == 1 else "FILE"
    try:
        checkpoint = shlex.quote(str(find_checkpoint(run)))
    except UserError:
        return f"It has no checkpoint from which the new code could go on; begin anew: rllib train file {file} -n NEW_NAME"
    return f"To go on with the new code: rllib train file {file} --restore {checkpoint} -n NEW_NAME"


class _Recorder(cloudpickle.CloudPickler):  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]
    """Notes the files of all code that it pickles."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.files: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Cloudpickle's: how to pickle an object; NotImplemented for a class or a function that goes by name."""
        reduced = super().reducer_override(obj)
        if isinstance(obj, CodeType):
            self.files.add(obj.co_filename)
        elif isinstance(obj, type) and reduced is not NotImplemented:
            self.files.add(_file_of_class(obj))
        return reduced


def _file_of_class(owner: type) -> str:
    try:
        return inspect.getsourcefile(owner) or ""
    except (TypeError, OSError):  # built in, or made in a shell
        return ""


def _digest(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    except OSError:
        return None
