"""`rllib evaluate`: plays greedy episodes with a trained team, without starting Ray."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rllib_remix.cli.checkpoints import find_checkpoint
from rllib_remix.cli.errors import UserError, remember_verbosity
from rllib_remix.cli.parsing import parse_json_object

if TYPE_CHECKING:
    from rllib_remix.envs.team_env import TeamEnv
    from rllib_remix.policy import TeamPolicy

MAX_COPIES = 16  # copies of the environment that play side by side


def evaluate(
    checkpoint: Path = typer.Argument(
        help="Checkpoint folder, or a trial's or experiment's folder (its newest)."
    ),
    episodes: int = typer.Option(32, "--episodes", min=1, help="Episodes to play."),
    seed: int = typer.Option(0, "--seed", min=0, help="Seed of the environment."),
    env_config: str = typer.Option(
        "{}", "--env-config", help="JSON of environment settings to change, or @FILE."
    ),
    out: Path = typer.Option(
        None, "--out", "-o", help="Write every episode's return and length to this JSON file."
    ),
    render: Path = typer.Option(None, "--render", help="Write an animation of one episode to this GIF file."),
    verbose: int = typer.Option(
        0, "--verbose", "-v", count=True, callback=remember_verbosity, show_default=False
    ),
) -> None:
    """Play episodes with a trained team, each agent on its own observations, always its best action."""
    overrides = parse_json_object("--env-config", env_config)
    folder = find_checkpoint(checkpoint)
    if out is not None:
        _check_writable("--out", out, ".json")
    if render is not None:
        _check_writable("--render", render, ".gif")

    from rllib_remix.cli.animation import Animation
    from rllib_remix.cli.playing import play

    animation = Animation(render) if render is not None else None
    policy = _load(folder)
    settings = {**(policy.env_config or {}), **overrides}
    env = _make_env(policy, settings, min(episodes, MAX_COPIES))
    try:
        _check_fits(folder, policy, env)
        played = play(policy, env, episodes, seed=seed, on_step=animation.record(env) if animation else None)
    finally:
        env.close()

    result = {
        "checkpoint": str(folder),
        "algorithm": policy.algorithm,
        "environment": policy.environment,
        "env_config": settings,
        "seed": seed,
        **summary(played.returns, played.lengths, played.info),
        "episodes": {"returns": played.returns, "lengths": played.lengths, **played.info},
    }
    for line in report(result):
        typer.echo(line)
    if out is not None:
        out.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
        typer.echo(f"Written to {out}")
    if animation is not None:
        animation.write()
        typer.echo(f"Animation of one episode: {render}")


def summary(returns: list[float], lengths: list[int], info: dict[str, list[float]]) -> dict[str, Any]:
    """Means over episodes, under RLlib's names where it has one; the standard error is None for a single episode."""
    from rllib_remix.reporting.statistics import mean, standard_error

    error = standard_error(returns)
    return {
        "num_episodes": len(returns),
        "episode_return_mean": mean(returns),
        "episode_return_standard_error": None if math.isnan(error) else error,
        "episode_return_min": min(returns),
        "episode_return_max": max(returns),
        "episode_len_mean": mean(lengths),
        **{f"{name}_mean": mean(values) for name, values in info.items()},
    }


def report(result: dict[str, Any]) -> list[str]:
    """The lines that the command prints."""
    error = result["episode_return_standard_error"]
    spread = "" if error is None else f" ± {error:.2f} (standard error)"
    own = [name for name in result if name.endswith("_mean") and not name.startswith("episode_")]
    rows = [
        ("Return", f"{result['episode_return_mean']:.2f}{spread}"),
        ("Range", f"{result['episode_return_min']:.2f} to {result['episode_return_max']:.2f}"),
        ("Length", f"{result['episode_len_mean']:.1f} env steps"),
        *((name.removesuffix("_mean"), f"{result[name]:.3f}") for name in own),
    ]
    width = max(len(name) for name, _ in rows)
    count = result["num_episodes"]
    head = (
        f"{result['algorithm']} on {result['environment']}, {count} greedy episode{'s' if count > 1 else ''}"
    )
    return [head, *(f"  {name:<{width}}  {value}" for name, value in rows)]


def _load(folder: Path) -> TeamPolicy:
    from rllib_remix.algorithms.checkpoint import explain_damage
    from rllib_remix.policy import CheckpointError, TeamPolicy

    try:
        with explain_damage(folder):
            return TeamPolicy.from_checkpoint(folder)
    except CheckpointError as error:
        raise UserError(str(error)) from error


def _make_env(policy: TeamPolicy, settings: dict[str, Any], num_envs: int) -> TeamEnv:
    from rllib_remix.envs.registry import TEAM_ENVS, make_team_env

    if policy.environment is None:
        raise UserError(
            "the team was trained on an environment given as code, not by name; play it from Python."
        )
    if policy.environment in TEAM_ENVS:
        return make_team_env(policy.environment, settings, num_envs)
    from rllib_remix.rollout.building import build_team_env  # loads Ray, but does not start it

    return build_team_env(policy.environment, settings, num_envs)


def _check_fits(folder: Path, policy: TeamPolicy, env: TeamEnv) -> None:
    from rllib_remix.algorithms.checkpoint import check_checkpoint
    from rllib_remix.policy import CheckpointError

    try:
        check_checkpoint(folder, policy.algorithm, env.spec)
    except CheckpointError as error:
        raise UserError(str(error)) from error


def _check_writable(option: str, file: Path, suffix: str) -> None:
    if file.suffix.lower() != suffix:
        raise UserError(f"{option}: {str(file)!r} must end in {suffix}.")
    if not file.expanduser().absolute().parent.is_dir():
        raise UserError(f"{option}: folder {str(file.expanduser().absolute().parent)!r} does not exist.")
