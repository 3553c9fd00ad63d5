"""Signals that end the process, while something must be cleaned up first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def signals_raise() -> Iterator[None]:
    """While the block runs, the first signal that ends the process raises an exception, so that the block cleans up."""

    def end(number: int, _: FrameType | None) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    handled = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                handled[number] = handler
    try:
        for number in handled:
            signal.signal(number, end)
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
