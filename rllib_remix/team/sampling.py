"""How training gets its episodes: in rounds, before the updates or while the learner makes them."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ray.rllib.env.env_runner_group import EnvRunnerGroup
from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.team_env import BrokenEnvironment
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.episode_in_store import EpisodeInStore
from rllib_remix.team.patience import Patience

MAX_SECONDS_TO_STOP = 30.0  # that env runners may take to finish and to close their environments

_POLL_SECONDS = 1.0  # between looks at who has come, while somebody is late
_TAG = "round"  # of the requests in flight, by which RLlib counts them


class Played(NamedTuple):
    """What one env runner brought from one round."""

    episodes: Sequence[TeamEpisode | EpisodeInStore]
    metrics: Any
    failure: str  # what went wrong with its environment; empty if nothing did
    round_number: int


class Rounds:
    """Rounds of one episode from every copy of every env runner; each is played when it is asked for.

    Args:
        group: the env runners, or none and the local one.
        config: the algorithm's settings of sampling and of fault tolerance.
        newest_state: called with `by_reference`, gives what env runners need to play with the newest weights.
    """

    def __init__(self, group: EnvRunnerGroup, config: Any, newest_state: Callable[..., dict[str, Any]]):
        self._group = group
        self._timeout = config.sample_timeout_s
        self._newest_state = newest_state
        self._into_store = bool(config.num_replay_shards)  # The shards fetch the episodes, not the algorithm.
        self._patience = Patience(config)
        # Updates between the weights that the latest episodes were played with and the learner's when they came.
        self.weights_lag = math.nan

    def collect(self) -> list[Played]:
        """The episodes of one round, from those env runners that brought it in time.

        Raises:
            RuntimeError: nothing comes any more; see Patience.
        """
        remote = self._group.num_remote_env_runners() > 0
        state = self._newest_state(by_reference=remote)
        played = self._group.foreach_env_runner(
            functools.partial(play, state=state, round_number=0, into_store=self._into_store),
            local_env_runner=not remote,
            timeout_seconds=self._timeout if remote else None,
        )
        self._check(played)
        self._measure_lag(played, state)
        return played

    def start_next(self) -> None:
        """Called between the episodes' arrival and the updates; here, nothing is played meanwhile."""

    def forget(self) -> None:
        """Drops what was asked for and not collected; called when the weights were replaced by others."""

    def stop(self) -> None:
        """Stops the remote env runners; those that are not done after MAX_SECONDS_TO_STOP are killed.

        RLlib's own way waits without limit for what an env runner is playing.
        """
        self._group.foreach_env_runner(
            _stop, healthy_only=False, local_env_runner=False, timeout_seconds=MAX_SECONDS_TO_STOP
        )
        self._group._worker_manager.clear()

    def _check(self, played: list[Played]) -> None:
        episodes = sum(len(part.episodes) for part in played)
        self._patience.check(self._group, episodes, [part.failure for part in played if part.failure])

    def _measure_lag(self, played: list[Played], newest: dict[str, Any]) -> None:
        """Compares what the env runners say that they played with, the oldest of it, to what is newest."""
        numbers = [part.metrics[WEIGHTS_SEQ_NO].peek() for part in played if part.episodes]
        if numbers:
            self.weights_lag = newest[WEIGHTS_SEQ_NO] - min(numbers)


class OverlappedRounds(Rounds):
    """Rounds that remote env runners play while the learner makes the updates for the round before.

    A round is requested when the one before it has arrived, with the weights and for the env steps (and so ε) of
    that moment. Its episodes are therefore played with weights that lag by the updates of one round at most. An
    env runner has one request in flight at most; what comes later than its round, after `sample_timeout_s` or
    from before a restore, is dropped. Requests in flight are no part of a checkpoint: the running algorithm
    collects them later, a restored one makes new ones.
    """

    def __init__(self, group: EnvRunnerGroup, config: Any, newest_state: Callable[..., dict[str, Any]]):
        super().__init__(group, config, newest_state)
        self._round_number = 0
        self._asked = 0  # env runners that play the current round
        self._collected: list[Played] = []

    def collect(self) -> list[Played]:
        if not self._asked:  # The first round, or all env runners died, or their request was forgotten.
            self.start_next()
        if not self._asked:  # All are late with an earlier round: give them the time of one to become free.
            self._fetch()
            self.start_next()
        self._collected = self._fetch()
        self._asked = 0
        self._check(self._collected)
        return self._collected

    def start_next(self) -> None:
        """Asks every healthy env runner that is not busy for a round with the newest weights."""
        state = self._newest_state(by_reference=True)
        self._measure_lag(self._collected, state)
        self._collected = []
        self._round_number += 1
        self._asked = self._group.foreach_env_runner_async(
            functools.partial(
                play, state=state, round_number=self._round_number, into_store=self._into_store
            ),
            tag=_TAG,
        )

    def forget(self) -> None:
        if self._asked:
            self._fetch()
        self._round_number += 1  # For those that did not come in time, either.
        self._asked = 0

    def _fetch(self) -> list[Played]:
        """Waits for those who play the current round; env runners that died are marked, to be restored.

        One that is late with an earlier round holds up nobody, and what it brings is dropped; if all are late,
        it waits for them.
        """
        deadline = math.inf if self._timeout is None else time.monotonic() + self._timeout
        played: list[Played] = []
        while self._group.num_in_flight_async_reqs(_TAG) and (not self._asked or len(played) < self._asked):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            arrived = self._group.fetch_ready_async_reqs(tags=_TAG, timeout_seconds=min(left, _POLL_SECONDS))
            played += [part for _, part in arrived if part.round_number == self._round_number]
        return played


# What env runners are asked to do; at module level, so that Ray ships them by name.


def play(runner: Any, *, state: dict[str, Any], round_number: int, into_store: bool) -> Played:
    """One round with the given state. A remote env runner that raised would lose the cause of its failure.

    Args:
        runner: the env runner.
        state: weights and env steps to play with.
        round_number: comes back with the episodes.
        into_store: leaves the episodes in Ray's object store, and says where they are.
    """
    runner.set_state(state)
    try:
        episodes = runner.sample()
        metrics = runner.get_metrics()
        if into_store:
            episodes = [EpisodeInStore.put(episode) for episode in episodes]
        return Played(episodes, metrics, "", round_number)
    except (BrokenEnvironment, TeamEnvError) as error:
        if not runner.worker_index:
            raise
        runner.make_env()
        return Played([], runner.get_metrics(), str(error), round_number)


def _stop(runner: Any) -> None:
    runner.stop()
