"""Plays whole episodes with a team policy, the same number from every copy of the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rllib_remix.envs.team_env import BrokenEpisodes, TeamEnv, TeamStep

_NO_LIMIT = np.iinfo(np.int64).max


class Player(Protocol):
    """What acts: a TeamPolicy, or anything with its two methods."""

    def reset(self, num_envs: int) -> None:
        """Forgets all histories and prepares for `num_envs` copies."""
        ...

    def act(self, step: TeamStep, *, first: np.ndarray) -> np.ndarray:
        """[N, n] int actions; `first` [N] bool marks copies whose episode starts with `step`."""
        ...


@dataclass
class PlayedEpisodes:
    """Finished episodes, in the order in which they ended."""

    returns: list[float] = field(default_factory=list)  # undiscounted return, of a team the team's
    lengths: list[int] = field(default_factory=list)  # environment steps
    # name -> last value of each episode, None of one that has none
    info: dict[str, list[float | None]] = field(default_factory=dict)
    # agent -> what it received in each episode; empty where only the team is paid
    agent_returns: dict[str, list[float]] = field(default_factory=dict)
    step_infos: list[list[Any]] = field(
        default_factory=list
    )  # of each step of each episode, if they were kept
    num_env_steps: int = 0  # with those of episodes that were not finished

    @property
    def agents_differ(self) -> bool:
        """Whether there was an episode in which agents did not receive the same."""
        return any(len(set(returns)) > 1 for returns in zip(*self.agent_returns.values(), strict=False))


def quotas(total: int, num_envs: int) -> np.ndarray:
    """[num_envs] int: how many of `total` episodes or steps each copy plays, as even as can be; 0 is no limit."""
    if not total:
        return np.full(num_envs, _NO_LIMIT)
    base, extra = divmod(total, num_envs)
    return np.array([base + (copy < extra) for copy in range(num_envs)])


def play(
    policy: Player,
    env: TeamEnv,
    episodes: int,
    *,
    seed: int,
    steps: int = 0,
    on_step: Callable[[TeamStep], object] | None = None,
    on_episode: Callable[[PlayedEpisodes], object] | None = None,
    keep_step_infos: bool = False,
) -> PlayedEpisodes:
    """Plays exactly `episodes` episodes, or `steps` environment steps, whichever is reached first.

    Every copy has a fixed quota: taking episodes as they end would favour short ones. Broken episodes, and those
    that the limit of steps cuts off, are dropped.

    Args:
        policy: what acts.
        env: N copies; all are reset with `seed`.
        episodes: 0 is no limit.
        seed: of the environment.
        steps: over all copies; 0 is no limit, one of the two must be given.
        on_step: called with every step, the first observation included.
        on_episode: called after every finished episode, with what was played so far.
        keep_step_infos: whether to keep the infos of all steps, not only the last of each episode.

    Raises:
        BrokenEnvironment: too many episodes of a copy broke in a row.
    """
    assert episodes or steps
    breaks = BrokenEpisodes(env)
    episodes_left, steps_left = quotas(episodes, env.num_envs), quotas(steps, env.num_envs)
    played = PlayedEpisodes()
    returns = np.zeros(env.num_envs)
    lengths = np.zeros(env.num_envs, dtype=int)
    infos: list[list[Any]] = [[] for _ in range(env.num_envs)]
    policy.reset(env.num_envs)
    step = env.reset(seed)
    first = np.ones(env.num_envs, dtype=bool)
    while True:
        if on_step is not None:
            on_step(step)
        active = (episodes_left > 0) & (steps_left > 0)
        if not active.any():
            return played
        ended = step.terminated | step.truncated
        step = env.step(policy.act(step, first=first))
        first = ended.copy()
        returns = np.where(first, 0.0, returns + step.rewards)
        lengths = np.where(first, 0, lengths + 1)
        steps_left -= active & ~first
        played.num_env_steps += int((active & ~first).sum())
        if keep_step_infos:
            _keep_infos(infos, step, first)
        finished = (step.terminated | step.truncated) & ~breaks.among(step)
        for copy in np.flatnonzero(finished & active):
            episodes_left[copy] -= 1
            played.returns.append(float(returns[copy]))
            played.lengths.append(int(lengths[copy]))
            _keep_last_infos(played, step.info_of(int(copy)))
            for agent, received in step.agent_returns_of(int(copy), env.spec.agents).items():
                played.agent_returns.setdefault(agent, []).append(received)
            if keep_step_infos:
                played.step_infos.append(infos[copy])
            if on_episode is not None:
                on_episode(played)


def _keep_last_infos(played: PlayedEpisodes, last: dict[str, float]) -> None:
    """Adds the infos of the episode whose return was added last."""
    for name in last:
        played.info.setdefault(name, [None] * (len(played.returns) - 1))
    for name, values in played.info.items():
        values.append(last.get(name))


def _keep_infos(infos: list[list[Any]], step: TeamStep, first: np.ndarray) -> None:
    """Appends this step's infos to those of each copy; where an episode begins, the list begins anew."""
    for copy, begins in enumerate(first):
        if begins:
            infos[copy] = []
        else:
            infos[copy].append(step.info_of(copy))
