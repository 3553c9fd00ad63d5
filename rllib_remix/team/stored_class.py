"""Reads which class a checkpoint was made by, and with which settings, whatever version made it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any, BinaryIO

from rllib_remix.checkpoints.reading import CheckpointError


def read_class_and_settings(folder: Path) -> tuple[type, Any]:
    """The class of the algorithm and the state of its config. Unpickles: trust the folder.

    In a trial, Ray wraps every method of the class, so that its pickle names all methods that the class then had. What is
    returned is the class as it is now.

    Raises:
        CheckpointError: a class that it names cannot be imported here.
        Others, which `explain_damage` explains: the file is gone or damaged.
    """
    with open(folder / "class_and_ctor_args.pkl", "rb") as file:
        stored = _Unpickler(file, folder).load()
    (settings, *_), _ = stored["ctor_args_and_kwargs"]
    wrapped = stored["class"]
    same_name = (
        each for each in wrapped.__mro__ if _full_name(each) == _full_name(wrapped) and _is_importable(each)
    )
    return next(same_name, wrapped), settings


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
                f"({type(error).__name__}: {error}); put its code where Python finds it."
            ) from error


def _full_name(found: type) -> tuple[str, str]:
    return found.__module__, found.__qualname__


def _is_importable(found: type) -> bool:
    """Whether it is what stands in its module, and not a copy of it that was pickled."""
    return getattr(sys.modules.get(found.__module__), found.__qualname__, None) is found
