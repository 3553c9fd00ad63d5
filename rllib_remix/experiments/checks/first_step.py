"""The first step of an environment, taken before Ray starts: what is wrong with it costs a second, and is told in a line."""

from __future__ import annotations

import copy
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.spaces import Discrete

from rllib_remix.envs.checker import TeamEnvError, check_sizes, check_step
from rllib_remix.envs.closing import close_quietly
from rllib_remix.envs.foreign.agent_view import MASK, agent_view
from rllib_remix.envs.joint_actions import own_form
from rllib_remix.envs.team_env import BrokenEnvironment, TeamSpec, random_actions
from rllib_remix.errors import SettingError, UserError, printable, shown
from rllib_remix.experiments.algorithm import is_of_team

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

MOST_TRIED = 10  # environments of an experiment's trials, which may differ in their settings


def try_first_steps(configs: Sequence[AlgorithmConfig]) -> bool:
    """Builds one copy of each environment that trials play and takes one random step in it.

    Those of this package are left out: they are tested.

    Returns:
        Whether all are environments of several agents, for which the settings of RLlib's own algorithms have no policies.

    Raises:
        SettingError, UserError: an environment cannot be built, reset or stepped, or a team cannot play it.
    """
    tried: set[str] = set()
    lack_policies = []
    for config in configs:
        key = repr((config.env, config.env_config))
        if key in tried or len(tried) == MOST_TRIED:
            continue
        tried.add(key)
        if is_of_team(config):
            team_config: Any = config
            copies, check_team = config.num_envs_per_env_runner or 1, team_config.check_team
            try_team_environment(config.env, dict(config.env_config), copies, check_team=check_team)
        elif _is_made_by_rllib(config):
            several = _try_rllib_environment(config.env, config.env_config)
            lack_policies.append(several and not config.is_multi_agent)
    return bool(lack_policies) and all(lack_policies)


def try_team_environment(
    env: Any,
    env_config: dict[str, Any],
    num_envs: int = 1,
    *,
    check_team: Callable[[TeamSpec], object] = lambda _: None,
) -> None:
    """As `try_first_steps`, for one environment of a team; `check_team` raises SettingError for what does not fit it."""
    from rllib_remix.rollout.building import build_team_env, is_shipped

    if is_shipped(env):
        return
    with told_in_a_line(env, "making it"):
        team = build_team_env(env, env_config, num_envs, only_first=True)
    with _closing(env, team):
        with told_in_a_line(env, "reset()"):
            check_sizes(team)
            check_team(team.spec)
            step = team.reset(seed=0)
            check_step(team, step, "reset()")
        with told_in_a_line(env, "step()"):
            actions = random_actions(step.avail_actions, np.random.default_rng(0))
            check_step(team, team.step(actions), "the first step()")


@contextmanager
def _closing(env: Any, made: Any) -> Iterator[None]:
    """Closes what was made; if it fails to, only an error from before is told."""
    try:
        yield
    except BaseException:
        close_quietly([made])
        raise
    with told_in_a_line(env, "close()"):
        made.close()


@contextmanager
def told_in_a_line(env: Any, what: str) -> Iterator[None]:
    """Turns what an environment raises into an error that names it, and the line of its code."""
    name = env if isinstance(env, str) else getattr(env, "__name__", str(env))
    try:
        yield
    except (SettingError, UserError):
        raise
    except (TeamEnvError, BrokenEnvironment) as error:
        raise SettingError(f"env {shown(name)}: {printable(str(error))}") from error
    except (Exception, SystemExit) as error:
        said = printable(f"{type(error).__name__}: {error}")
        raise SettingError(f"env {shown(name)}: {what} fails with {said}{_line_of(error)}.") from error


def _line_of(error: BaseException) -> str:
    """Where the error comes from: the last line of the user's code, or else of another package."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    own = [frame for frame in frames if not _is_installed(frame.filename)]
    frame = (own or frames or [None])[-1]
    return f" ({frame.filename}:{frame.lineno})" if frame else ""


def _is_ours(file: str) -> bool:
    return Path(file).is_relative_to(Path(__file__).parents[2])


def _is_installed(file: str) -> bool:
    return "site-packages" in file or file.startswith((sys.base_prefix, "<"))


def _is_made_by_rllib(config: AlgorithmConfig) -> bool:
    """Whether RLlib's env runners would make one copy after another; others have ways of their own."""
    in_one = "vector_entry_point" in str(config.gym_env_vectorize_mode).lower()
    return config.env is not None and config.env_runner_cls is None and not in_one


def _try_rllib_environment(env: Any, env_config: dict[str, Any]) -> bool:
    """Takes the first step of an environment of RLlib's own algorithms; returns whether it is one of several agents."""
    with told_in_a_line(env, "making it"):
        made = make_for_rllib(env, env_config)
    with _closing(env, made):
        with told_in_a_line(env, "reset()"):
            shown = _values(env, "reset()", made.reset(seed=0), ("an observation", "infos"))
        with told_in_a_line(env, "step()"):
            wanted = ("an observation", "a reward", "terminated", "truncated", "infos")
            with suppress(NoRandomAction):
                _values(env, "step()", made.step(_random_action(made, *shown)), wanted)
    return has_several_agents(made)


def has_several_agents(env: Any) -> bool:
    """Whether an environment is one of those that RLlib plays with several agents."""
    from ray.rllib.env.multi_agent_env import MultiAgentEnv

    return isinstance(env, MultiAgentEnv)


def make_for_rllib(env: Any, env_config: dict[str, Any]) -> Any:
    """A copy of an environment, as RLlib's own env runners make it."""
    from ray.rllib.env.env_context import EnvContext

    from rllib_remix.envs.naming.names import find_maker
    from rllib_remix.rollout.named_creator import for_rllib

    return for_rllib(find_maker(env).make(EnvContext(env_config, worker_index=0)))


class NoRandomAction(Exception):
    """An action mask is in no form that is known here, so that no action is certain to be allowed."""


def _random_action(env: Any, observation: Any, infos: Any) -> Any:
    """The same on every call.

    Raises:
        NoRandomAction: see there.
    """
    if not has_several_agents(env):
        return _allowed(env.action_space, observation, infos)
    return {
        agent: _allowed(env.get_action_space(agent), seen, (infos or {}).get(agent))
        for agent, seen in observation.items()
    }


def _allowed(space: Any, *places: Any) -> Any:
    """An action of a space, by the first mask in `places`, the observation and the info, if there is one."""
    told = [place for place in places if isinstance(place, dict)]
    masks = [{name: place[name]} for place in told for name in MASK if name in place]
    if not masks:
        space = copy.deepcopy(space)  # A class's own, that all copies share, is not to be seeded.
        space.seed(0)
        return space.sample()
    try:
        view = agent_view("agent", Discrete(1), space)
        mask = view.read(0, masks[0], view.dtype)[1]
    except (SettingError, TeamEnvError) as error:
        raise NoRandomAction from error
    if mask is None or not mask.any():
        raise NoRandomAction
    return own_form(space, int(np.random.default_rng(0).choice(np.flatnonzero(mask))))


def _values(env: Any, what: str, returned: Any, wanted: Sequence[str]) -> Sequence[Any]:
    if isinstance(returned, tuple) and len(returned) == len(wanted):
        return returned
    number = f"{len(returned)} values" if isinstance(returned, tuple) else f"one {type(returned).__name__}"
    raise SettingError(
        f"env {shown(env)}: {what} returned {number}; it must return {len(wanted)}: {', '.join(wanted)}."
    )
