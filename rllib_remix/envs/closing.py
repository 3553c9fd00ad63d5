"""The end of several environments, of which some may fail to close."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any


def close_all(envs: Iterable[Any]) -> None:
    """Closes every environment, also behind one that fails; then raises the first failure."""
    failures: list[Exception] = []
    for env in envs:
        try:
            env.close()
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]


def close_quietly(envs: Iterable[Any]) -> None:
    """Closes each environment once, whatever it is, so that another error can be raised on."""
    for env in {id(env): env for env in envs}.values():
        with contextlib.suppress(Exception, SystemExit):
            env.close()
