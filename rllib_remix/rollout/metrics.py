"""What an env runner reports about the episodes that it played."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from ray.rllib.core import DEFAULT_AGENT_ID, DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import (
    EPISODE_AGENT_RETURN_MEAN,
    EPISODE_LEN_MAX,
    EPISODE_LEN_MEAN,
    EPISODE_LEN_MIN,
    EPISODE_RETURN_MAX,
    EPISODE_RETURN_MEAN,
    EPISODE_RETURN_MIN,
    NUM_AGENT_STEPS_SAMPLED,
    NUM_AGENT_STEPS_SAMPLED_LIFETIME,
    NUM_ENV_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_EPISODES,
    NUM_EPISODES_LIFETIME,
    NUM_MODULE_STEPS_SAMPLED,
    NUM_MODULE_STEPS_SAMPLED_LIFETIME,
)
from ray.rllib.utils.metrics.metrics_logger import MetricsLogger

from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.episode_in_store import EpisodeInStore

EPISODE_SUMS, EPISODE_COUNTS = "episode_sums", "episode_counts"
_UNLIKE = "unlike_agents"  # episodes in which agents did not receive the same


class EpisodeMetrics:
    """The latest episodes' returns, lengths and infos, kept across iterations.

    The agents' own returns are told from the first episode on in which they are not all the same.

    RLlib's own windows start anew in every iteration, so that an iteration without a finished episode would
    report NaN; these do not.

    Args:
        window: episodes that the means are taken over.
    """

    def __init__(self, window: int):
        self._recent: deque[tuple[float, int, dict[str, float], dict[str, float]]] = deque(
            maxlen=max(1, window)
        )
        self._are_unlike = False

    def add(self, episode: TeamEpisode | EpisodeInStore) -> None:
        self._take(episode.get_return(), len(episode), episode.info, episode.agent_returns)

    def _take(
        self,
        team_return: float,
        length: int,
        info: dict[str, float],
        of_agents: dict[str, float] | None = None,
    ) -> None:
        of_agents = of_agents or {}
        self._recent.append((team_return, length, info, of_agents))
        self._are_unlike |= _are_unlike(of_agents)

    def clear(self) -> None:
        """Forgets all episodes: every evaluation counts its own alone."""
        self._recent.clear()

    def means(self) -> dict[str, Any]:
        """Mean return and length, and of every info value as `<name>_mean`; empty before the first episode.

        Where agents do not receive the same, RLlib's `agent_episode_returns_mean` holds the mean of each.
        """
        if not self._recent:
            return {}
        means: dict[str, Any] = {name: _mean(values) for name, values in self._values().items()}
        if self._are_unlike:
            means[EPISODE_AGENT_RETURN_MEAN] = {
                agent: _mean(values) for agent, values in self._of_agents().items()
            }
        return means

    def _values(self) -> dict[str, list[float]]:
        """What every mean is taken over: an info value only of the episodes that have it."""
        values: dict[str, list[float]] = {}
        for _, _, info, _ in self._recent:
            for key, value in info.items():
                values.setdefault(f"{key}_mean", []).append(value)
        # Last, as an environment may have infos of these names.
        values.pop(EPISODE_AGENT_RETURN_MEAN, None)
        values[EPISODE_RETURN_MEAN] = [team_return for team_return, *_ in self._recent]
        values[EPISODE_LEN_MEAN] = [length for _, length, *_ in self._recent]
        return values

    def _of_agents(self) -> dict[str, list[float]]:
        values: dict[str, list[float]] = {}
        for *_, of_agents in self._recent:
            for agent, received in of_agents.items():
                values.setdefault(agent, []).append(received)
        return values

    def log(self, metrics: MetricsLogger) -> None:
        """Logs the means, and the least and largest return and length."""
        if not self._recent:
            return
        means = self.means()
        for agent, value in means.pop(EPISODE_AGENT_RETURN_MEAN, {}).items():
            metrics.log_value((EPISODE_AGENT_RETURN_MEAN, agent), value, window=1)
        for name, value in means.items():
            metrics.log_value(name, value, window=1)
        returns, lengths, *_ = zip(*self._recent, strict=True)
        metrics.log_value(EPISODE_RETURN_MIN, min(returns), reduce="min", window=1)
        metrics.log_value(EPISODE_RETURN_MAX, max(returns), reduce="max", window=1)
        metrics.log_value(EPISODE_LEN_MIN, min(lengths), reduce="min", window=1)
        metrics.log_value(EPISODE_LEN_MAX, max(lengths), reduce="max", window=1)

    def log_sums(self, metrics: MetricsLogger) -> None:
        """Logs sums, for exact means over several workers: RLlib averages their means, however many each played."""
        if not self._recent:
            return
        of_agents = self._of_agents()
        values = {(name,): numbers for name, numbers in self._values().items()}
        values |= {(EPISODE_AGENT_RETURN_MEAN, agent): numbers for agent, numbers in of_agents.items()}
        for key, numbers in values.items():
            metrics.log_value((EPISODE_SUMS, *key), float(sum(numbers)), reduce="sum")
            metrics.log_value((EPISODE_COUNTS, *key), len(numbers), reduce="sum")
        if of_agents:
            unlike = sum(_are_unlike(returns) for *_, returns in self._recent)
            metrics.log_value((EPISODE_COUNTS, _UNLIKE), unlike, reduce="sum")

    def get_state(self) -> list[Any]:
        return list(self._recent)

    def set_state(self, state: list[Any]) -> None:
        self._recent.clear()
        for entry in state:
            self._take(*entry)


def take_exact_means(played: dict[str, Any], before: dict[str, Any], *, any_played: bool) -> None:
    """Puts means over the episodes of all workers in the place of those that RLlib averaged.

    Args:
        played: an evaluation's results, with what `log_sums` logged; changed in place.
        before: the last evaluation's.
        any_played: whether it played an episode; the sums are old otherwise, and the means NaN.
    """
    sums, counts = played.pop(EPISODE_SUMS, {}), played.pop(EPISODE_COUNTS, {})
    of_agents, their_counts = (
        sums.pop(EPISODE_AGENT_RETURN_MEAN, {}),
        counts.pop(EPISODE_AGENT_RETURN_MEAN, {}),
    )
    played |= _quotients(sums, counts, any_played)
    played.pop(EPISODE_AGENT_RETURN_MEAN, None)
    if counts.get(_UNLIKE) or EPISODE_AGENT_RETURN_MEAN in before:
        played[EPISODE_AGENT_RETURN_MEAN] = _quotients(of_agents, their_counts, any_played)


def _quotients(sums: dict[str, float], counts: dict[str, int], is_known: bool) -> dict[str, float]:
    return {name: total / counts[name] if is_known else math.nan for name, total in sums.items()}


def unknown_means(played: dict[str, Any]) -> dict[str, Any]:
    """NaN under every key of a mean in results, so that what is not known yet has its column."""
    return {
        key: dict.fromkeys(value, math.nan) if isinstance(value, dict) else math.nan
        for key, value in played.items()
        if key.endswith("_mean")
    }


def _are_unlike(of_agents: dict[str, float]) -> bool:
    return len(set(of_agents.values())) > 1


def log_sampled(metrics: MetricsLogger, *, env_steps: int, n_agents: int, episodes: int) -> None:
    """Counts env steps, agent steps and episodes, of this call and over the run's life."""
    agent_steps = env_steps * n_agents
    for this_call, lifetime, steps in (
        ((NUM_ENV_STEPS_SAMPLED,), (NUM_ENV_STEPS_SAMPLED_LIFETIME,), env_steps),
        (
            (NUM_AGENT_STEPS_SAMPLED, DEFAULT_AGENT_ID),
            (NUM_AGENT_STEPS_SAMPLED_LIFETIME, DEFAULT_AGENT_ID),
            agent_steps,
        ),
        (
            (NUM_MODULE_STEPS_SAMPLED, DEFAULT_MODULE_ID),
            (NUM_MODULE_STEPS_SAMPLED_LIFETIME, DEFAULT_MODULE_ID),
            agent_steps,
        ),
        ((NUM_EPISODES,), (NUM_EPISODES_LIFETIME,), episodes),
    ):
        metrics.log_value(this_call, steps, reduce="sum")
        metrics.log_value(
            lifetime,
            steps,
            reduce="lifetime_sum",
            with_throughput=lifetime == (NUM_ENV_STEPS_SAMPLED_LIFETIME,),
        )


class EnvFaults:
    """What went wrong in an environment that knows how to go on: broken episodes, and its own counters.

    Attributes:
        num_discarded: broken episodes that were thrown away since they were logged.
    """

    def __init__(self) -> None:
        self.num_discarded = 0
        self._logged: dict[str, int] = {}

    def env_is_new(self) -> None:
        """Says that the environment was made anew, so that its counters begin at 0."""
        self._logged = {}

    def log(self, metrics: MetricsLogger, counters: dict[str, int]) -> None:
        """Logs what came since the last call; nothing for an environment that has neither.

        Args:
            metrics: where to.
            counters: name -> what the environment has counted since it was made.
        """
        for name, total in counters.items():
            _log_lifetime(metrics, name, total - self._logged.get(name, 0))
        self._logged = counters
        if counters or self.num_discarded:
            _log_lifetime(metrics, "num_episodes_discarded", self.num_discarded)
        self.num_discarded = 0


def _log_lifetime(metrics: MetricsLogger, name: str, count: int) -> None:
    metrics.log_value(f"{name}_lifetime", count, reduce="lifetime_sum")


def _mean(values: Any) -> float:
    return float(sum(values) / len(values))
