"""Foreign environments as a TeamEnv: which kinds there are, and who adapts which.

A new kind is one file with a subclass of ForeignEnvAdapter (see `vectorised`), and its place in KINDS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pettingzoo import AECEnv, ParallelEnv

from rllib_remix.envs.closing import close_quietly
from rllib_remix.envs.foreign.copies import name_of
from rllib_remix.envs.foreign.kinds.lists import ListEnvAdapter, of_lists
from rllib_remix.envs.foreign.kinds.multi_agent_env import MultiAgentEnvAdapter
from rllib_remix.envs.foreign.kinds.overcooked import OvercookedParallelEnv, is_overcooked
from rllib_remix.envs.foreign.kinds.parallel_env import ParallelEnvAdapter
from rllib_remix.envs.foreign.kinds.refusals import refusal
from rllib_remix.envs.foreign.kinds.turns import TurnsEnvAdapter, of_turns
from rllib_remix.envs.foreign.kinds.unchecked import without_checks
from rllib_remix.envs.foreign.kinds.ungrouped import without_groups
from rllib_remix.envs.foreign.kinds.vmas import VmasTeam, is_vmas
from rllib_remix.envs.foreign.options import check_options, say_assumed
from rllib_remix.envs.foreign.stand_in import inside
from rllib_remix.envs.foreign.vectorised import ForeignEnvAdapter
from rllib_remix.envs.team_env import TeamEnv
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_number

# The first that accepts an environment adapts it; RLlib's last, which alone must load Ray to tell.
KINDS: tuple[type[ForeignEnvAdapter], ...] = (
    ParallelEnvAdapter,
    ListEnvAdapter,
    TurnsEnvAdapter,
    MultiAgentEnvAdapter,
)


def adapt(
    make_env: Callable[[int], Any],
    num_envs: int = 1,
    options: dict[str, Any] | None = None,
    *,
    first_copy: int = 0,
) -> TeamEnv:
    """N copies of a foreign environment as one TeamEnv.

    Args:
        make_env: builds copy i: a PettingZoo `ParallelEnv` or `AECEnv`, an RLlib `MultiAgentEnv`, or a gymnasium
            environment with lists; or, called once, all copies, as a VMAS environment.
        num_envs: number of copies.
        first_copy: the number of the first among the copies of a larger team, of which these are a part.
        options: the config's `team_adapter`:
            state: "environment" takes the environment's own global state, "observations" those of all agents, one
                after the other, "both" the first and then these; by default the first if there is one, else the
                observations.
            team_reward: "sum" (default) or "mean" of the rewards that the agents receive in a step, or the name of
                the agent whose reward is the team's.
            episode_limit: env steps after which an episode is truncated; by default what the environment, or one that
                it wraps, announces as `episode_limit`, `max_cycles`, `max_steps`, `_max_episode_steps` or
                `spec.max_episode_steps`.

    Returns:
        The TeamEnv; its `assumed` says what was taken for options that were not given.

    Raises:
        SettingError: another type of environment, an option that cannot be, or spaces that no team can share.
    """
    check_number("num_envs", num_envs, low=1, integer=True)
    check_options(options or {})
    made = [make_env(0)]
    try:
        if is_vmas(made[0]):
            return _vmas_of(made[0], int(num_envs), options)
        for copy in range(1, int(num_envs)):
            made.append(make_env(copy))
        return _adapted(made, options, first_copy)
    except BaseException:
        close_quietly(made)
        raise


def _adapted(made: list[Any], options: dict[str, Any] | None, first_copy: int) -> ForeignEnvAdapter:
    envs = [_in_our_words(env) for env in made]
    # What stands for an environment is always new, and a wrapper may be around the same one.
    if any(len({id(env) for env in those}) < len(made) for those in (made, envs)):
        raise SettingError(
            "make_env: returned the same environment twice; it must build a new one on every call."
        )
    kinds = [_kind_of(env) for env in envs]
    adapted = kinds[0](envs, options, first_copy=first_copy)
    if first_copy == 0:
        say_assumed(name_of(envs[0]), tuple(adapted.assumed))
    return adapted


def _in_our_words(env: Any) -> Any:
    """The environment as one of KINDS: without RLlib's own wrappers, or with what stands for it.

    These wrappers lose the order of agents and who of them acts.
    """
    if "ray.rllib.env.multi_agent_env" in sys.modules:  # Otherwise it can be none of RLlib's.
        from ray.rllib.env.multi_agent_env import MultiAgentEnv
        from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv, PettingZooEnv

        if type(env) is ParallelPettingZooEnv and isinstance(env.par_env, ParallelEnv):
            env = env.par_env
        elif type(env) is PettingZooEnv and isinstance(env.env, AECEnv):
            env = env.env
        elif isinstance(env, MultiAgentEnv):
            return without_groups(env)
    if isinstance(env, ParallelEnv):
        return without_checks(env)
    if isinstance(env, AECEnv):
        return of_turns(without_checks(env))
    if is_overcooked(env):
        return OvercookedParallelEnv(env)
    if is_vmas(inside(env)):
        raise refusal(env)  # A wrapper of VMAS, some of which look like a list for each agent.
    return of_lists(env) or env


def _vmas_of(env: Any, num_envs: int, options: dict[str, Any] | None) -> VmasTeam:
    if env.num_envs != num_envs:
        raise SettingError(
            f"env: the VMAS environment has {env.num_envs} copies, but {num_envs} are asked for; make it with "
            f"num_envs={num_envs} (a creator finds the number in `context.num_envs`)."
        )
    team = VmasTeam(env, options)
    say_assumed("VMAS", tuple(team.assumed))
    return team


def _kind_of(env: Any) -> type[ForeignEnvAdapter]:
    for kind in KINDS:
        if kind.accepts(env):
            return kind
    raise refusal(env)
