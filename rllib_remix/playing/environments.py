"""What an environment is to a team: its agents, sizes and limit, what was assumed, and how a random episode goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.envs.foreign.options import assumed_is_shown
from rllib_remix.envs.naming.importing import class_path
from rllib_remix.envs.team_env import TeamEnv, random_actions
from rllib_remix.experiments.checks.first_step import told_in_a_line, try_team_environment
from rllib_remix.playing.episodes import play

MOST_NAMES = 8  # of agents in a report


def describe_environment(env: str, env_config: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    """Builds one copy as a training would, takes a step, and plays an episode with random available actions.

    Args:
        env: name of the environment.
        env_config: its settings, with `team_adapter` among them.
        seed: of the episode.

    Returns:
        What JSON can hold: the sizes of `TeamSpec`, the class, what each agent's spaces are, `assumed`, and the episode's
        return and length in env steps.

    Raises:
        SettingError, UserError: there is no such environment, it cannot be played by a team, or it fails.
    """
    from rllib_remix.rollout.building import ADAPTER_KEY, build_team_env

    with assumed_is_shown():
        try_team_environment(env, env_config)
        with told_in_a_line(env, "making it"):
            team = build_team_env(env, env_config, 1)
    try:
        with told_in_a_line(env, "an episode"):
            random = RandomTeam(seed)
            played = play(random, team, 1, seed=seed)
    finally:
        team.close()
    spec = team.spec
    inner = getattr(team, "envs", [team])[0]
    inner = getattr(inner, "unwrapped", inner)
    return {
        "name": env,
        "class": class_path(type(inner)),
        **spec._asdict(),
        "agents": list(spec.agents),
        "spaces": _spaces(team),
        "actions_available_mean": random.available / random.seen,
        "given": dict(env_config.get(ADAPTER_KEY, {})),
        "assumed": list(getattr(team, "assumed", ())),
        "episode_return": played.returns[0],
        "episode_len": played.lengths[0],
        "info": {name: values[0] for name, values in played.info.items()},
    }


class RandomTeam:
    """Plays uniformly random available actions."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.available = self.seen = 0  # actions, over the agents and steps that it acted in

    def reset(self, num_envs: int) -> None:
        """Has no history to forget."""

    def act(self, step: Any, *, first: np.ndarray) -> np.ndarray:
        """[N, n] int actions."""
        self.available += int(step.avail_actions.sum())
        self.seen += step.avail_actions[..., 0].size
        return random_actions(step.avail_actions, self._random)


def report(described: dict[str, Any]) -> list[str]:
    """The lines that the command prints."""
    agents = described["agents"]
    more = f", … ({len(agents)} in all)" if len(agents) > MOST_NAMES else ""
    rows = [
        ("Agents", f"{described['n_agents']}: {', '.join(agents[:MOST_NAMES])}{more}"),
        *described["spaces"],
        (
            "Actions",
            f"{described['n_actions']}, of which {described['actions_available_mean']:.1f} are available on average",
        ),
        ("Observation", f"{described['obs_dim']} numbers of each agent, {described['obs_dtype']}"),
        ("State", f"{described['state_dim']} numbers, {described['state_dtype']}"),
        ("Limit", f"{described['episode_limit']} env steps"),
        *(("Given", f"{name}: {value}") for name, value in described["given"].items()),
        *(("Assumed", line) for line in described["assumed"]),
        ("Random", f"return {described['episode_return']:.2f} in {described['episode_len']} env steps"),
        *((name, f"{value:.3f}") for name, value in described["info"].items() if value is not None),
    ]
    width = max(len(name) for name, _ in rows)
    head = f"{described['name']}: {described['class']}"
    return [head, *(f"  {name:<{width}}  {value}" for name, value in rows)]


def _spaces(team: TeamEnv) -> list[tuple[str, str]]:
    """Agents with the same spaces together, as their environment announces them; none of a TeamEnv, which has sizes."""
    spaces_of = getattr(team, "spaces_of", None)
    if spaces_of is None:
        return []
    alike: dict[str, list[str]] = {}
    for agent, name in zip(team.agents, team.agent_names, strict=True):  # type: ignore[attr-defined]
        seen, acts = spaces_of(team.envs[0], agent)  # type: ignore[attr-defined]
        alike.setdefault(f"sees {seen}, acts {acts}", []).append(name)
    return [(_together(names), text) for text, names in alike.items()]


def _together(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
