"""Plays a team of ours: without starting Ray, and without pickle."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rllib_remix.checkpoints.finding import told_to_user
from rllib_remix.checkpoints.team import read_team_settings
from rllib_remix.envs.naming.gymnasium_ids import is_registered as is_id
from rllib_remix.envs.naming.importing import is_module
from rllib_remix.envs.naming.names import find_maker
from rllib_remix.envs.registry import TEAM_ENVS, make_team_env
from rllib_remix.envs.team_env import TeamEnv, TeamSpec, TeamStep, other_agents, other_images
from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.experiments.user_modules import find_modules_in
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.sizes import new_agent
from rllib_remix.playing.episodes import Player, play
from rllib_remix.playing.evaluation import Evaluated, Evaluation
from rllib_remix.playing.failures import one_line_failures
from rllib_remix.policy import TeamPolicy
from rllib_remix.rollout.acting import StochasticTeamActor, TeamActor
from rllib_remix.settings import check_count, check_flag, check_schedule

MAX_COPIES = 16  # copies of the environment that play side by side
EPISODES_PER_COPY = 10  # that fit into a limit of steps; few would favour short episodes
# What of an algorithm's settings matters to a team that only plays.
PLAYING_SETTINGS = ("env", "env_config", "explore", "epsilon", "num_envs_per_env_runner")
_DRAWS = "stochastic_policy"  # of a checkpoint's networks: whether agents draw from policies as they explore
# Sizes of an environment that a team's networks depend on.
ACTING_SIZES = ("n_agents", "n_actions", "obs_dim")
# Settings of smac that name a program, and those that make it write files.
PROGRAMS, WRITES = ("client", "sc2_path"), ("replay_dir", "replay_prefix")


def play_trained_team(asked: Evaluation) -> Evaluated:
    """Plays the team of a checkpoint or an export.

    Raises:
        UserError, SettingError: what was asked cannot be; nothing was played.
    """
    folder = asked.checkpoint
    assert folder is not None
    policy, metadata = _load(folder)
    asked.check_algorithm(policy.algorithm)
    _check_settings(policy.algorithm, asked.config)
    settings = _settings(metadata, asked)
    if settings["env"] is None:
        raise UserError(
            "--env: the team was trained on an environment given as code, not by name; name one, or play from Python."
        )
    if settings["env_config"] is None:
        raise UserError(
            "--env-config: the checkpoint does not say the environment's settings, as JSON cannot hold them; give them."
        )
    env = _make_env(settings, asked)
    try:
        _check_fits(folder, metadata["team"], env.spec)
        return _play(policy, policy.network, policy.algorithm, env, settings, asked)
    finally:
        env.close()


def play_untrained_team(asked: Evaluation) -> Evaluated:
    """Plays a team whose networks have just been made; `asked.algorithm` and `asked.env` are given."""
    from rllib_remix.algorithms.table import get_algorithm_config

    assert asked.algorithm is not None
    config = get_algorithm_config(asked.algorithm).update_from_dict(asked.config)
    config.validate()
    settings = {name: config.get(name) for name in PLAYING_SETTINGS}
    settings |= {"explore": asked.config.get("explore", False), "env": asked.env or settings["env"]}
    settings["env_config"] = {**(settings["env_config"] or {}), **asked.env_config}
    settings["num_envs_per_env_runner"] = asked.config.get("num_envs_per_env_runner")
    settings[_DRAWS] = config.networks().get(_DRAWS, False)
    env = _make_env(settings, asked)
    torch.manual_seed(asked.seed)
    agent = new_agent(env.spec, config.networks())
    try:
        policy = TeamPolicy(agent, algorithm=asked.algorithm)
        return _play(policy, policy.network, asked.algorithm, env, settings, asked)
    finally:
        env.close()


class ExploringTeam:
    """The agents of a team as they explore: ε-greedy, or drawing from their policies with ε beside them."""

    def __init__(self, agent: RecurrentAgent, epsilon: float, seed: int, *, draws: bool = False) -> None:
        self._agent, self._epsilon = agent, epsilon
        self._actor_class = StochasticTeamActor if draws else TeamActor
        self._rng = np.random.default_rng(seed)

    def reset(self, num_envs: int) -> None:
        """Forgets all histories and prepares for `num_envs` copies."""
        self._actor = self._actor_class(self._agent, num_envs)

    def act(self, step: TeamStep, *, first: np.ndarray) -> np.ndarray:
        """[N, n] int actions."""
        if first.any():
            self._actor.forget(first)
        return self._actor.act(step.obs, step.avail_actions, epsilon=self._epsilon, rng=self._rng)


def _load(folder: Path) -> tuple[TeamPolicy, dict[str, Any]]:
    """The team, and all that its checkpoint or export says about itself."""
    with told_to_user():
        return TeamPolicy.from_checkpoint(folder), read_team_settings(folder)


def _check_settings(algorithm: str, config: dict[str, Any]) -> None:
    """Settings that do not matter here may be given, but they must be settings of the algorithm, with fitting values.

    Raises:
        SettingError: one is not.
    """
    check_flag("config: explore", config.get("explore", False))
    if "num_envs_per_env_runner" in config:
        check_count("config: num_envs_per_env_runner", config["num_envs_per_env_runner"], low=1)
    if "epsilon" in config:
        check_schedule("config: epsilon", config["epsilon"], low=0, high=1)
    others = {name: value for name, value in config.items() if name not in PLAYING_SETTINGS}
    if others:
        from rllib_remix.algorithms.table import get_algorithm_config  # loads Ray

        get_algorithm_config(algorithm).update_from_dict(others)


def _settings(metadata: dict[str, Any], asked: Evaluation) -> dict[str, Any]:
    """PLAYING_SETTINGS of the run, then those of its evaluation_config, then those that were asked for."""
    run = metadata.get("config", {})
    evaluation = run.get("evaluation_config") or {}
    merged = {
        "env": metadata["environment"],
        "explore": False,
        "epsilon": run.get("epsilon", 0.0),
        "num_envs_per_env_runner": None,
        _DRAWS: metadata["networks"].get(_DRAWS, False),
    }
    for layer in (evaluation, asked.config):
        merged |= {name: value for name, value in layer.items() if name in PLAYING_SETTINGS}
    if merged["env"] in ("smac", "smacv2") and not merged["num_envs_per_env_runner"]:
        merged["num_envs_per_env_runner"] = run.get(
            "num_envs_per_env_runner", 1
        )  # every copy is a game that runs
    merged["env"] = asked.env or merged["env"]
    of_checkpoint = [metadata["env_config"], evaluation.get("env_config")]
    _refuse_named_code(merged["env"], of_checkpoint, asked)
    kept = [_without_writes(layer, asked.warn) for layer in of_checkpoint]
    merged["env_config"] = _merge_env_config([*kept, asked.config.get("env_config"), asked.env_config])
    return merged


def _refuse_named_code(env: Any, of_checkpoint: list[dict[str, Any] | None], asked: Evaluation) -> None:
    """A checkpoint may come from a stranger: code that it names is not imported unless the user names it too."""
    named = env in (asked.env, asked.config.get("env"))
    if isinstance(env, str) and env not in TEAM_ENVS and _is_unknown_word(env):
        who = "you name" if named else "the checkpoint was trained on"
        guess = nearest(env, TEAM_ENVS)
        hint = f" Did you mean {guess!r}?" if guess and named else ""
        raise UserError(
            f"--env: {who} {shown(env)}, which nobody registered here (a script does so with register_env, for itself only).{hint} "
            f"Allowed: {', '.join(sorted(TEAM_ENVS))}, or the path of what makes the environment, such as "
            "--env my_module.make, with my_module.py in this folder."
        )
    if env is not None and env not in TEAM_ENVS:
        if not named:
            raise UserError(
                f"--env: the checkpoint names {env!r}, which is code outside this package that would run; if you trust "
                f"it, add --env {shlex.quote(env)}."
            )
        find_modules_in(Path.cwd())
        find_maker(env, "--env")
    asked_for = (asked.config.get("env_config") or {}) | asked.env_config
    for name in PROGRAMS:
        given = [layer[name] for layer in of_checkpoint if layer and layer.get(name) is not None]
        if given and name not in asked_for:
            raise UserError(
                f"--env-config: the checkpoint names {shown(given[-1])} as {name}, a program that would run; if you "
                f"trust it, give {name} in --env-config."
            )


def named_programs(env_config: Any) -> dict[str, Any]:
    """Of a checkpoint's settings of the environment those that name programs, which a user has to name again."""
    given = env_config if isinstance(env_config, dict) else {}
    return {name: given[name] for name in PROGRAMS if given.get(name) is not None}


def _without_writes(
    of_checkpoint: dict[str, Any] | None, warn: Callable[[str], object]
) -> dict[str, Any] | None:
    """A checkpoint's settings of the environment without those that name places to write to."""
    if of_checkpoint is None:
        return None
    named = [name for name in WRITES if of_checkpoint.get(name) is not None]
    if named:
        warn(f"Not taken from the checkpoint: {', '.join(named)}; give it in --env-config.")
    return {name: value for name, value in of_checkpoint.items() if name not in WRITES}


def _is_unknown_word(env: str) -> bool:
    """Whether a name is neither a path nor an id, nor anything that is known here; nothing is imported."""
    return env.isidentifier() and not (_is_registered(env) or is_module(env) or is_id(env))


def _is_registered(env: str) -> bool:
    from ray.tune.registry import ENV_CREATOR, _global_registry

    return _global_registry.contains(ENV_CREATOR, env)


def _merge_env_config(layers: Iterable[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Later layers win; None if the first is unknown and none of the others says anything."""
    first, *others = layers
    if first is None and not any(others):
        return None
    merged = dict(first or {})
    for layer in others:
        merged |= layer or {}
    return merged


def _make_env(settings: dict[str, Any], asked: Evaluation) -> TeamEnv:
    copies = settings["num_envs_per_env_runner"] or MAX_COPIES
    if asked.episodes:
        copies = min(copies, asked.episodes)
    with one_line_failures(f"env {settings['env']!r}"):
        if asked.steps:
            single = _build(settings, 1)
            copies = max(1, min(copies, asked.steps // (EPISODES_PER_COPY * single.episode_limit)))
            if copies == 1:
                return single
            single.close()
        return _build(settings, copies)


def _build(settings: dict[str, Any], copies: int) -> TeamEnv:
    if settings["env"] in TEAM_ENVS:
        return make_team_env(settings["env"], settings["env_config"], copies)
    from rllib_remix.rollout.building import build_team_env  # loads Ray, but does not start it

    find_modules_in(Path.cwd())
    return build_team_env(settings["env"], settings["env_config"], copies)


def _check_fits(folder: Path, team: dict[str, Any], spec: TeamSpec) -> None:
    for name in ACTING_SIZES:
        if (here := getattr(spec, name)) != team[name]:
            raise UserError(
                f"checkpoint {str(folder)!r} is of a team with {name} = {team[name]}, this environment has {here}; "
                "play it with the environment settings that it was trained with."
            )
    trained = TeamSpec.from_saved(team)
    if difference := other_agents(trained.agents, spec.agents) or other_images(
        trained.obs_shape, spec.obs_shape
    ):
        raise UserError(
            f"checkpoint {str(folder)!r} is of {difference}; play it with the environment that it was trained with."
        )


def _play(
    policy: Player,
    agent: RecurrentAgent,
    algorithm: str,
    env: TeamEnv,
    settings: dict[str, Any],
    asked: Evaluation,
) -> Evaluated:
    if settings["explore"]:
        policy = ExploringTeam(agent, _last_epsilon(settings["epsilon"]), asked.seed, draws=settings[_DRAWS])
    with one_line_failures(f"env {settings['env']!r}"):
        played = play(
            policy,
            env,
            asked.episodes,
            steps=asked.steps,
            seed=asked.seed,
            on_step=asked.animation.record(env) if asked.animation else None,
            on_episode=asked.on_episode,
            keep_step_infos=asked.keep_step_infos,
        )
    return Evaluated(
        algorithm=algorithm,
        environment=str(settings["env"]),
        env_config=settings["env_config"],
        explore=settings["explore"],
        played=played,
    )


def _last_epsilon(epsilon: Any) -> float:
    """ε at the end of its schedule."""
    return float(epsilon[-1][1] if isinstance(epsilon, list | tuple) else epsilon)
