"""Which class a checkpoint was made by, and with which settings: written for, and read from, other versions too."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any, BinaryIO

import ray
from ray.cloudpickle import cloudpickle

from rllib_remix.checkpoints.manifest import METADATA
from rllib_remix.checkpoints.reading import CheckpointError, read_json
from rllib_remix.errors import shown

_FILE = "class_and_ctor_args.pkl"  # RLlib's


def write_class_and_settings(folder: Path, made_by: type, arguments: tuple[Any, Any]) -> None:
    """Writes these into a checkpoint, over what RLlib wrote.

    In a trial, Ray wraps every method of the class, and RLlib pickles the code of the wrappers, which neither another Python
    nor an earlier Ray can read. Here the class is written by its name, if it has one that can be imported.
    """
    content = {"class": _without_wrapper(made_by), "ctor_args_and_kwargs": arguments}
    (folder / _FILE).write_bytes(cloudpickle.dumps(content))


def read_class_and_settings(folder: Path) -> tuple[type, Any]:
    """The class of the algorithm and the state of its config. Unpickles: trust the folder.

    What is returned is the class as it is now, see `write_class_and_settings`.

    Raises:
        CheckpointError: a class that it names cannot be imported here.
        Others, which `explain_damage` explains: the file is gone or damaged.
    """
    with open(folder / _FILE, "rb") as file:
        stored = _Unpickler(file, folder).load()
    (settings, *_), _ = stored["ctor_args_and_kwargs"]
    return _without_wrapper(stored["class"]), settings


def _without_wrapper(found: type) -> type:
    """The class that stands in its module under the name of this one, if it is a base of it, else this one."""
    same_name = (
        each for each in found.__mro__ if _full_name(each) == _full_name(found) and _is_importable(each)
    )
    return next(same_name, found)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, folder: Path):
        super().__init__(file)
        self._folder = folder

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return super().find_class(module_name, global_name)
        except (ImportError, AttributeError) as error:
            raise CheckpointError(
                f"checkpoint {str(self._folder)!r} needs {module_name}.{global_name}, which cannot be imported here "
                f"({type(error).__name__}: {error}); {self._remedy(module_name)}"
            ) from error

    def _remedy(self, module_name: str) -> str:
        others = "put its code where Python finds it."
        if module_name.partition(".")[0] != "ray":
            return others
        wrote, here = read_json(self._folder, METADATA).get("ray_version"), ray.__version__
        if wrote == here:
            return others
        return f"Ray {shown(wrote)} wrote it, here is Ray {here!r}: a checkpoint needs the Ray that wrote it, or a later one."


def _full_name(found: type) -> tuple[str, str]:
    return found.__module__, found.__qualname__


def _is_importable(found: type) -> bool:
    """Whether it is what stands in its module, and not a copy of it that was pickled."""
    return getattr(sys.modules.get(found.__module__), found.__qualname__, None) is found
