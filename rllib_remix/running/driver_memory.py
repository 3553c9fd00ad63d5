"""Keeps the process that drives Tune from growing with every result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal import RayActorManager
from ray.tune import Callback
from ray.tune.execution import tune_controller
from ray.util import debug

_ENCODED = "tune_func_encode:"  # how Tune's notes begin of what its JSON encoder could not write


class ForgetfulActorManager(RayActorManager):
    """Ray's, but without the futures of tasks that are done.

    Ray's drops them when the actor ends. Until then each of them keeps a whole result in memory, so that a trial of
    100,000 iterations takes gigabytes.
    """

    def _schedule_tracked_actor_task(self, tracked_actor_task: Any, *args: Any, **kwargs: Any) -> Any:
        futures: Any = self._tracked_actors_to_task_futures.get(tracked_actor_task._tracked_actor)
        if futures is not None:
            futures &= self._actor_task_events.get_futures()
        return super()._schedule_tracked_actor_task(tracked_actor_task, *args, **kwargs)


@contextmanager
def done_tasks_forgotten() -> Iterator[None]:
    """While the block runs, Tune's controllers are made with a ForgetfulActorManager; there is no setting for it."""
    controllers: Any = tune_controller
    before = controllers.RayActorManager
    controllers.RayActorManager = ForgetfulActorManager
    try:
        yield
    finally:
        controllers.RayActorManager = before


class NotesForgotten(Callback):
    """A Tune callback that drops what Tune notes of each object that its JSON encoder could not write.

    It notes their text so as to log them once, and nearly every text is new: it has an address or a number in it.
    """

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune's hook."""
        debug._logged.difference_update([key for key in debug._logged if key.startswith(_ENCODED)])
