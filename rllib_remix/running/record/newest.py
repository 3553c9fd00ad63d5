"""Which of Tune's records in an experiment's folder is the newest: Tune goes by names, which hold the local time.

After a change of time zone, or of the clock, that would be an older one. So each run notes which records there were
when it began, and the record that goes on is given a name that sorts behind all others.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from pyarrow.fs import FileSelector, FileSystem, FileType
from ray.train._internal.storage import get_fs_and_path
from ray.tune.execution.tune_controller import TuneController

from rllib_remix.files.durable import write_whole

BEGINNING_FILE = "rllib_records.json"
_PATTERN = TuneController.CKPT_FILE_TMPL.format("*")
_PREFIX, _, _SUFFIX = _PATTERN.partition("*")


@dataclass(frozen=True)
class _Beginning:
    """How the newest run in a folder began."""

    before: Collection[str]  # names of the records that were there already
    resumed: str | None  # the one among them that it went on with


def find_record(storage_path: str, name: str) -> str | None:
    """Tune's newest record of an experiment, or None if there is none of the newest run.

    Args:
        storage_path: a folder, or the address of an object store.
        name: the experiment's folder there.
    """
    files, folder = get_fs_and_path(f"{storage_path.rstrip('/')}/{name}")
    of_newest_run = _of_newest_run(files, folder)
    return f"{folder}/{of_newest_run[0]}" if of_newest_run else None


def note_beginning(storage_path: str, name: str, *, resumed: str | None = None) -> None:
    """Notes that a run begins now: records that are there already are of other runs, apart from `resumed`, a path.

    Raises:
        OSError: it cannot be written.
    """
    files, folder = get_fs_and_path(f"{storage_path.rstrip('/')}/{name}")
    names = _names(files, folder)
    note = {"before": names, "resumed": PurePosixPath(resumed).name if resumed else None}
    content = json.dumps(note).encode()
    files.create_dir(folder, recursive=True)
    if "://" not in storage_path:
        write_whole(Path(folder, BEGINNING_FILE), content)
        return
    with files.open_output_stream(f"{folder}/{BEGINNING_FILE}") as stream:
        stream.write(content)


def put_last(record: str, storage_path: str, name: str) -> str:
    """Sees to it that Tune, which goes by names, takes a record, and what it wrote beside it, for the newest.

    Returns:
        The record's path, which is another one if its name did not sort behind all others.

    Raises:
        OSError: it cannot be renamed.
    """
    files, folder = get_fs_and_path(f"{storage_path.rstrip('/')}/{name}")
    session, sessions = _session(record), [_session(path) for path in _names(files, folder)]
    last = max(sessions)
    if session == last:
        return record
    for path in _paths(files, folder):
        file = PurePosixPath(path)
        if file.stem.endswith(
            f"-{session}"
        ):  # Searchers and callbacks have files with the same time in their names.
            files.move(str(file), f"{folder}/{file.stem.removesuffix(session)}{last}_{file.suffix}")
    return f"{folder}/{TuneController.CKPT_FILE_TMPL.format(f'{last}_')}"


def _of_newest_run(files: FileSystem, folder: str) -> list[str]:
    """The names of the newest run's records, newest first."""
    names = _newest_first(files, folder, _names(files, folder))
    beginning = _beginning(files, folder)
    if beginning is None:
        return names
    begun_since = [name for name in names if name not in beginning.before]
    return begun_since + [name for name in names if name == beginning.resumed]


def _session(record: str) -> str:
    return PurePosixPath(record).name.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def _paths(files: FileSystem, folder: str) -> list[str]:
    if files.get_file_info(folder).type != FileType.Directory:
        return []
    return [each.path for each in files.get_file_info(FileSelector(folder)) if each.type == FileType.File]


def _names(files: FileSystem, folder: str) -> list[str]:
    names = [PurePosixPath(path).name for path in _paths(files, folder)]
    return sorted(name for name in names if fnmatch(name, _PATTERN))


def _beginning(files: FileSystem, folder: str) -> _Beginning | None:
    """None in a folder of an earlier version, or if the note is damaged."""
    try:
        content = _read(files, f"{folder}/{BEGINNING_FILE}")
        return _Beginning([str(name) for name in content["before"]], content["resumed"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _newest_first(files: FileSystem, folder: str, names: Collection[str]) -> list[str]:
    if len(names) < 2:
        return list(names)
    began = {name: _began(files, f"{folder}/{name}") for name in names}
    return sorted(names, key=lambda name: (began[name], name), reverse=True)


def _began(files: FileSystem, record: str) -> float:
    """When the process that wrote a record began, in seconds since 1970 in UTC; 0 if it is damaged."""
    try:
        return float(_read(files, record)["stats"]["start_time"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0.0


def _read(files: FileSystem, path: str) -> Any:
    with files.open_input_stream(path) as stream:
        return json.loads(stream.read())
