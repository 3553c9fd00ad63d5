"""Keeps what Ray and Gymnasium say to developers off the user's screen; -v lets it through."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# The least level that is shown. Tune logs failed trials with their whole traceback; the command says it in a line.
_LEVELS = {
    "ray": logging.ERROR,
    "ray.rllib": logging.ERROR,
    "ray.tune": logging.ERROR,
    "ray.tune.tune": logging.CRITICAL,
    "ray.tune.execution.tune_controller": logging.CRITICAL,
    "gymnasium": logging.ERROR,
}


@contextmanager
def quiet_ray(verbosity: int = 0) -> Iterator[None]:
    """Silences warnings and everything below an error while the block runs; a verbosity of 1 or more silences nothing."""
    if verbosity:
        yield
        return
    import ray.rllib  # noqa: F401  (it sets its loggers' levels when it is first imported)

    deleting = logging.getLogger("ray.train._internal.storage")
    levels = {name: logging.getLogger(name).level for name in _LEVELS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, level in _LEVELS.items():
            logging.getLogger(name).setLevel(level)
        deleting.addFilter(_in_one_line)
        try:
            yield
        finally:
            deleting.removeFilter(_in_one_line)
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Tune logs what it could not delete with the whole traceback."""
    if record.exc_info:
        text = f"An old checkpoint could not be deleted: {record.exc_info[1]}. Training goes on."
        record.msg, record.args, record.exc_info = text, (), None
    return True
