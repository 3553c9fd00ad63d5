"""The actors of a sharded replay buffer: starting them, asking them, and making those anew that fail."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.replay.placement import shard_bundle, start_shard

logger = logging.getLogger("ray.rllib")

SECONDS_TO_START = 120.0  # that a shard may take to find a place and to come up
SECONDS_TO_ANSWER = 120.0  # that a shard may take for one call; one that takes longer is made anew
MAX_FAILED_STARTS = 3  # of one shard in a row


class Adding(NamedTuple):
    """Episodes on their way to a shard: where they are, their slots, numbers and priorities, [K] each."""

    references: list[ray.ObjectRef]
    slots: np.ndarray
    numbers: np.ndarray
    priorities: np.ndarray


@dataclass(eq=False)
class Shard:
    """One shard as seen from the algorithm; until it is ready, its calls wait in Ray's queue.

    Attributes:
        which: its place among the shards.
        actor: Ray's handle.
        failed_starts: of it and of those before it, in a row.
        adding: calls that add episodes, the oldest first, and what they add.
        series: a name for the way in which its episodes are numbered; another one when the numbers start again.
    """

    which: int
    actor: Any
    failed_starts: int = 0
    is_ready: bool = False
    adding: list[tuple[ray.ObjectRef, Adding]] = field(default_factory=list)
    series: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: float = field(default_factory=time.monotonic)

    def add(self, adding: Adding) -> None:
        """Asks it to fetch and store episodes, without waiting for it."""
        self.adding.append((self.actor.add_from_store.remote(adding.references), adding))

    def came_up(self) -> None:
        """Takes note of an answer."""
        self.is_ready, self.failed_starts = True, 0

    def is_late(self, error: RayError) -> bool:
        """Whether it has not answered because it is still starting, and may."""
        in_time = time.monotonic() - self.started_at < SECONDS_TO_START
        return isinstance(error, GetTimeoutError) and not self.is_ready and in_time


class Shards:
    """The shards; one that dies or does not answer in time is replaced by a new, empty one.

    Args:
        spec: sizes and dtypes of the episodes.
        capacities: episodes of every shard.
        forget: called with the place of a shard that was lost; returns how many episodes were.

    Raises:
        RuntimeError: a shard could not be started; says why.
    """

    def __init__(self, spec: TeamSpec, capacities: list[int], forget: Callable[[int], int]):
        self._spec, self._capacities, self._forget = spec, capacities, forget
        self.shards_lost, self.episodes_lost = 0, 0
        self._shards = [self._start(which) for which in range(len(capacities))]
        self._wait_for_start()

    def __iter__(self) -> Iterator[Shard]:
        return iter(list(self._shards))

    def __getitem__(self, which: int) -> Shard:
        return self._shards[which]

    def __len__(self) -> int:
        return len(self._shards)

    def stop(self) -> None:
        """Ends the actors."""
        for shard in self._shards:
            ray.kill(shard.actor)

    def ask(self, shard: Shard, call: ray.ObjectRef) -> tuple[bool, Any]:
        """Whether a shard answered a call, and what; one that did not is replaced."""
        try:
            return True, _get(call, timeout=SECONDS_TO_ANSWER)
        except RayError as error:
            self._replace(shard, error)
            return False, None

    def settle(self, note: Callable[[Adding, np.ndarray], None]) -> None:
        """Waits until the shards have what they were given; for one that is still starting it does not wait.

        Args:
            note: called for everything that was added, with the episodes' numbers within their shard, [K] int64; -1
                for one that could not be fetched.
        """
        for shard in self:
            while shard.adding:
                call, adding = shard.adding[0]
                try:
                    places = _get(call, timeout=SECONDS_TO_ANSWER if shard.is_ready else 0)
                except RayError as error:
                    if not shard.is_late(error):
                        self._replace(shard, error)
                    break
                except Exception:
                    shard.adding.pop(0)  # So that it is raised once.
                    raise
                shard.came_up()
                shard.adding.pop(0)
                self.episodes_lost += places.count(-1)
                note(adding, np.array(places, np.int64))

    def empty(self, state: dict[str, Any]) -> None:
        """Sets every shard to the state of an empty buffer, and drops what it was given."""
        for shard, call in [(shard, shard.actor.set_state.remote(state)) for shard in self]:
            if self.ask(shard, call)[0]:
                shard.came_up()
                shard.series = uuid.uuid4().hex
                shard.adding.clear()

    def _start(self, which: int, failed_starts: int = 0) -> Shard:
        shard = Shard(which, start_shard(self._spec, which, self._capacities), failed_starts)
        shard.add(_NOTHING)  # Its answer says that the shard is there.
        return shard

    def _wait_for_start(self) -> None:
        try:
            ray.get([shard.adding[0][0] for shard in self._shards], timeout=SECONDS_TO_START)
        except RayError as error:
            self.stop()
            cause = _reason(error)
            if isinstance(error, GetTimeoutError):
                asked = shard_bundle(self._spec, max(self._capacities))
                cause = (
                    f"Ray found no place within {SECONDS_TO_START:.0f} s for actors that need {asked['CPU']} CPUs "
                    f"and {asked['memory'] / 2**30:.1f} GiB of memory each. More shards need less memory each."
                )
            raise RuntimeError(
                f"num_replay_shards: the {len(self._shards)} shards of the replay buffer could not be started. {cause}"
            ) from None
        self.settle(lambda adding, places: None)

    def _replace(self, shard: Shard, error: RayError) -> None:
        """Makes a shard anew, without waiting for it, and hands it what was on its way to the old one."""
        if self._shards[shard.which] is not shard:
            return  # It is replaced already.
        failed_starts = 0 if shard.is_ready else shard.failed_starts + 1
        if failed_starts >= MAX_FAILED_STARTS:
            raise RuntimeError(
                f"num_replay_shards: shard {shard.which} of the replay buffer could not be started again, "
                f"{failed_starts} times in a row. {_reason(error)}"
            )
        ray.kill(shard.actor)
        lost = self._forget(shard.which)
        self._shards[shard.which] = self._start(shard.which, failed_starts)
        for _, adding in shard.adding:
            if shard.is_ready:
                self._shards[shard.which].add(adding)
            else:  # Those of one that finds no place must not fill the object store.
                lost += len(adding.slots)
        self.shards_lost += 1
        self.episodes_lost += lost
        logger.warning(
            "Shard %d of the replay buffer's %d is lost with %d episodes (%s). A new one is started; until it is there, "
            "batches are drawn from the others.",
            *(shard.which, len(self), lost, _reason(error)),
        )


_NOTHING = Adding([], np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _get(call: ray.ObjectRef, *, timeout: float) -> Any:
    """As `ray.get`; what a shard raised is raised as it was there, and RayError means that it is not well."""
    try:
        return ray.get(call, timeout=timeout)
    except RayTaskError as error:
        raise error.cause from None


def _reason(error: RayError) -> str:
    """One line: of an actor that failed while it was made, the last is what it raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
