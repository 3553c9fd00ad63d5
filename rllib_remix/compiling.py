"""How compiled functions are kept."""

from __future__ import annotations

from numba import njit


def _nothing() -> None:
    pass


def _can_cache() -> bool:
    try:
        njit(cache=True)(_nothing)
    except RuntimeError:  # Neither the package's folder nor the user's cache can be written.
        return False
    return True


CACHE = _can_cache()  # whether there is a place on disk; without one every process compiles anew
