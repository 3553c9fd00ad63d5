"""Plays whole episodes with a team policy, the same number from every copy of the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from rllib_remix.envs.team_env import BrokenEpisodes, TeamEnv, TeamStep


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

    returns: list[float] = field(default_factory=list)  # undiscounted team return
    lengths: list[int] = field(default_factory=list)  # environment steps
    info: dict[str, list[float]] = field(default_factory=dict)  # name -> last value of each episode


def quotas(episodes: int, num_envs: int) -> np.ndarray:
    """[num_envs] int: how many episodes each copy plays, as even as can be."""
    base, extra = divmod(episodes, num_envs)
    return np.array([base + (copy < extra) for copy in range(num_envs)])


def play(
    policy: Player,
    env: TeamEnv,
    episodes: int,
    *,
    seed: int,
    on_step: Callable[[TeamStep], None] | None = None,
) -> PlayedEpisodes:
    """Plays exactly `episodes` episodes.

    Every copy has a fixed quota: taking episodes as they end would favour short ones. Broken episodes are dropped.

    Args:
        policy: what acts.
        env: N copies; all are reset with `seed`.
        episodes: at least 1.
        seed: of the environment.
        on_step: called with every step, the first observation included.

    Raises:
        BrokenEnvironment: too many episodes of a copy broke in a row.
    """
    breaks = BrokenEpisodes(env)
    left = quotas(episodes, env.num_envs)
    played = PlayedEpisodes()
    returns = np.zeros(env.num_envs)
    lengths = np.zeros(env.num_envs, dtype=int)
    policy.reset(env.num_envs)
    step = env.reset(seed)
    first = np.ones(env.num_envs, dtype=bool)
    while True:
        if on_step is not None:
            on_step(step)
        if not left.any():
            return played
        ended = step.terminated | step.truncated
        step = env.step(policy.act(step, first=first))
        first = ended.copy()
        returns = np.where(first, 0.0, returns + step.rewards)
        lengths = np.where(first, 0, lengths + 1)
        finished = (step.terminated | step.truncated) & ~breaks.among(step)
        for copy in np.flatnonzero(finished & (left > 0)):
            left[copy] -= 1
            played.returns.append(float(returns[copy]))
            played.lengths.append(int(lengths[copy]))
            for name, values in step.info.items():
                played.info.setdefault(name, []).append(float(values[copy]))
