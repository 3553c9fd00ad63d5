"""What an evaluation is asked, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.errors import UserError
from rllib_remix.terminal.lines import print_note

if TYPE_CHECKING:
    from rllib_remix.playing.animation import Animation
    from rllib_remix.playing.episodes import PlayedEpisodes

DEFAULT_EPISODES = 32
DEFAULT_STEPS = 10_000  # environment steps
AGENT_RETURNS = "agent_episode_returns_mean"  # RLlib's name
MOST_AGENTS = 12  # whose returns are printed
MAX_EPISODES = 10**9  # more is a slip
MAX_STEPS = 10**12


@dataclass(kw_only=True)
class Evaluation:
    """One request, its options checked as far as that goes without loading anything."""

    checkpoint: Path | None  # None plays an untrained algorithm
    algorithm: str | None
    env: str | None  # instead of the checkpoint's
    config: dict[str, Any]  # over the checkpoint's settings
    env_config: dict[str, Any]  # over everything else
    episodes: int  # 0 is no limit
    steps: int  # environment steps; 0 is no limit
    seed: int
    keep_step_infos: bool
    animation: Animation | None
    on_episode: Callable[[PlayedEpisodes], object]
    warn: Callable[[str], object] = print_note  # takes notes on what is left out or was renamed

    @property
    def where(self) -> str:
        """The checkpoint, for messages."""
        return f"checkpoint {str(self.checkpoint)!r}"

    def check_algorithm(self, made_by: str) -> None:
        """Raises UserError if --algo names another algorithm than the one that made the checkpoint."""
        if self.algorithm is not None and self.algorithm.rpartition(".")[2] != made_by:
            raise UserError(
                f"--algo: {self.where} was made by {made_by}, not by {self.algorithm}; allowed: {made_by}, or leave "
                "it out."
            )


@dataclass(kw_only=True)
class Evaluated:
    """Who played where, and how it went."""

    algorithm: str
    environment: str
    env_config: dict[str, Any]
    explore: bool
    played: PlayedEpisodes


def limits(episodes: int | None, steps: int | None) -> tuple[int, int]:
    """How many episodes and environment steps to play at most, 0 for no limit; None is an option not given.

    Raises:
        UserError: neither has a limit.
    """
    if episodes is None:
        return (0, steps) if steps else (DEFAULT_EPISODES, 0)
    if steps is None:
        return (episodes, 0) if episodes else (0, DEFAULT_STEPS)
    if not episodes and not steps:
        raise UserError("--episodes, --steps: 0 is no limit, and both are 0; one of them must be above 0.")
    return episodes, steps


def summary(
    returns: list[float],
    lengths: list[int],
    info: dict[str, list[float | None]],
    agent_returns: dict[str, list[float]] | None = None,
) -> dict[str, Any]:
    """Means over episodes, under RLlib's names where it has one; the standard error is None for a single episode."""
    from rllib_remix.reporting.statistics import mean, standard_error

    error = standard_error(returns)
    of_agents = {agent: mean(received) for agent, received in (agent_returns or {}).items()}
    return {
        # First, as an environment may have infos of the names that follow.
        **{
            f"{name}_mean": mean([value for value in values if value is not None])
            for name, values in info.items()
            if f"{name}_mean" != AGENT_RETURNS
        },
        "num_episodes": len(returns),
        "episode_return_mean": mean(returns),
        "episode_return_standard_error": None if math.isnan(error) else error,
        "episode_return_min": min(returns),
        "episode_return_max": max(returns),
        "episode_len_mean": mean(lengths),
        **({AGENT_RETURNS: of_agents} if of_agents else {}),
    }


def as_result(asked: Evaluation, done: Evaluated) -> dict[str, Any]:
    """Everything that is known of an evaluation, as --out writes it.

    Raises:
        UserError: no episode was finished.
    """
    played = done.played
    if not played.returns:
        raise UserError(
            f"--steps: no episode ended within {played.num_env_steps:,} environment steps, so there is nothing to "
            "report; give more, or --episodes."
        )
    of_agents = played.agent_returns if played.agents_differ else {}
    episodes: dict[str, Any] = {**played.info, "returns": played.returns, "lengths": played.lengths}
    if of_agents:
        episodes["agent_returns"] = of_agents
    if asked.keep_step_infos:
        episodes["step_infos"] = played.step_infos
    return {
        "checkpoint": None if asked.checkpoint is None else str(asked.checkpoint),
        "algorithm": done.algorithm,
        "environment": done.environment,
        "env_config": done.env_config,
        "explore": done.explore,
        "seed": asked.seed,
        "num_env_steps": played.num_env_steps,
        **summary(played.returns, played.lengths, played.info, of_agents),
        "episodes": episodes,
    }


def report(result: dict[str, Any]) -> list[str]:
    """The lines that the command prints."""
    error = result["episode_return_standard_error"]
    spread = "" if error is None else f" ± {error:.2f} (standard error)"
    of_agents = result.get(AGENT_RETURNS, {})
    own = [
        name
        for name in result
        if name.endswith("_mean") and not name.startswith("episode_") and name != AGENT_RETURNS
    ]
    rows = [
        ("Return", f"{result['episode_return_mean']:.2f}{spread}"),
        ("Range", f"{result['episode_return_min']:.2f} to {result['episode_return_max']:.2f}"),
        ("Length", f"{result['episode_len_mean']:.1f} env steps"),
        *((name.removesuffix("_mean"), f"{result[name]:.3f}") for name in own),
        *((f"Return of {agent}", f"{of_agents[agent]:.2f}") for agent in [*of_agents][:MOST_AGENTS]),
    ]
    if len(of_agents) > MOST_AGENTS:
        rows.append(("", f"and of {len(of_agents) - MOST_AGENTS} more agents, which --out writes"))
    width = max(len(name) for name, _ in rows)
    count = result["num_episodes"]
    kind = "exploring" if result.get("explore") else "greedy"
    untrained = "Untrained " if result.get("checkpoint", "") is None else ""
    head = (
        f"{untrained}{result['algorithm']} on {result['environment']}, {count} {kind} "
        f"episode{'s' if count > 1 else ''}"
    )
    return [head, *(f"  {name:<{width}}  {value}" for name, value in rows)]
