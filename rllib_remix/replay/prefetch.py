"""Drawing the next batch while the learner works on the current one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Hands out what `draw` returns, in the order in which it was drawn.

    Args:
        draw: draws one batch.
        in_background: whether a batch that is known to be needed is drawn ahead in a thread. It pays where the
            learner's work is not on the same cores, that is on a GPU.
    """

    def __init__(self, draw: Callable[[], T], *, in_background: bool):
        self._draw = draw
        self._thread = ThreadPoolExecutor(1, "replay") if in_background else None
        self._ahead: Future[T] | None = None

    def next(self, *, another: bool) -> T:
        """The next batch.

        Args:
            another: whether a further one will be asked for before anything is added to the buffer.
        """
        batch = self._draw() if self._ahead is None else self._ahead.result()
        self._ahead = self._thread.submit(self._draw) if another and self._thread else None
        return batch

    def forget(self) -> None:
        """Drops a batch that was drawn ahead; called before the buffer is replaced."""
        if self._ahead is not None:
            self._ahead.exception()  # Waits for it.
            self._ahead = None

    def stop(self) -> None:
        """Waits for a draw that is under way, and ends the thread."""
        if self._thread is not None:
            self._thread.shutdown()
