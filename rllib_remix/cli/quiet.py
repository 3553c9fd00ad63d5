"""Keeps what Ray and Gymnasium say to developers off the user's screen; -v lets it through."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("ray", "ray.rllib", "ray.tune", "gymnasium")
_wanted = False


def show_ray_messages() -> None:
    """Switches `quiet_ray` off for this process."""
    global _wanted
    _wanted = True


@contextmanager
def quiet_ray() -> Iterator[None]:
    """Silences warnings and everything below an error while the block runs, unless `show_ray_messages` was called."""
    if _wanted:
        yield
        return
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
