"""How compiled functions are made and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit

_PACKAGE = Path(__file__).parent


def _nothing() -> None:
    pass


def _can_cache() -> bool:
    try:
        njit(cache=True)(_nothing)
    except RuntimeError:  # Neither the package's folder nor the user's cache can be written.
        return False
    return True


CACHE = _can_cache()  # whether there is a place on disk; without one every process compiles anew


def kernel(function: Callable | None = None, **options: Any) -> Any:
    """Decorator: numba's `njit`, kept on disk until any source file of the function's part of the package changes.

    Numba itself looks only at the file of a function, and would go on using what it compiled from older versions
    of the functions that it calls in other files.

    Args:
        function: what to compile; its part of the package is the folder right below `rllib_remix`.
        options: of `njit`, such as inline or error_model.
    """
    if function is None:
        return lambda decorated: kernel(decorated, **options)
    compiled: Any = njit(cache=CACHE, **options)(function)
    if CACHE and hasattr(compiled, "_cache"):  # With NUMBA_DISABLE_JIT it is the function itself.
        index = compiled._cache._cache_file
        index._source_stamp = (index._source_stamp, _fingerprint(_part(Path(function.__code__.co_filename))))
    return compiled


def _part(file: Path) -> Path:
    """The part of the package that a file belongs to; elsewhere the file alone."""
    if not file.is_relative_to(_PACKAGE):
        return file
    return _PACKAGE / file.relative_to(_PACKAGE).parts[0]


@cache
def _fingerprint(part: Path) -> str:
    """A hash of all sources of one part of the package."""
    digest = hashlib.sha256()
    for path in sorted(part.rglob("*.py")) if part.is_dir() else [part]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
