"""Foreign environments as a TeamEnv: which kinds there are, and who adapts which.

A new kind is one file with a subclass of ForeignEnvAdapter (see `vectorised`), and its place in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pettingzoo import AECEnv, ParallelEnv

from rllib_remix.envs.foreign.copies import name_of
from rllib_remix.envs.foreign.multi_agent_env import MultiAgentEnvAdapter
from rllib_remix.envs.foreign.options import check_options, say_assumed
from rllib_remix.envs.foreign.parallel_env import ParallelEnvAdapter
from rllib_remix.envs.foreign.ungrouped import without_groups
from rllib_remix.envs.foreign.vectorised import ForeignEnvAdapter
from rllib_remix.envs.team_env import TeamEnv
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_number

# The first that accepts an environment adapts it; RLlib's last, which alone must load Ray to tell.
KINDS: tuple[type[ForeignEnvAdapter], ...] = (ParallelEnvAdapter, MultiAgentEnvAdapter)


def adapt(
    make_env: Callable[[int], Any],
    num_envs: int = 1,
    options: dict[str, Any] | None = None,
    *,
    first_copy: int = 0,
) -> TeamEnv:
    """N copies of a foreign environment as one TeamEnv.

    Args:
        make_env: builds copy i, a PettingZoo `ParallelEnv` or an RLlib `MultiAgentEnv`.
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
    envs = [_bare(make_env(copy)) for copy in range(int(num_envs))]
    if len({id(env) for env in envs}) < len(envs):
        raise SettingError(
            "make_env: returned the same environment twice; it must build a new one on every call."
        )
    kinds = [_kind_of(env) for env in envs]
    adapted = kinds[0](envs, options, first_copy=first_copy)
    if first_copy == 0:
        say_assumed(name_of(envs[0]), tuple(adapted.assumed))
    return adapted


def _bare(env: Any) -> Any:
    """The environment inside of RLlib's own wrappers, which lose the order of agents and who of them acts."""
    if isinstance(env, ParallelEnv):
        return env
    from ray.rllib.env.multi_agent_env import MultiAgentEnv
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

    if type(env) is ParallelPettingZooEnv and isinstance(env.par_env, ParallelEnv):
        return env.par_env
    return without_groups(env) if isinstance(env, MultiAgentEnv) else env


def _kind_of(env: Any) -> type[ForeignEnvAdapter]:
    for kind in KINDS:
        if kind.accepts(env):
            return kind
    hint = "; convert it with pettingzoo.utils.aec_to_parallel" if isinstance(env, AECEnv) else ""
    raise SettingError(
        f"env: {type(env).__module__}.{type(env).__qualname__} cannot be adapted{hint}. "
        "Allowed: a PettingZoo ParallelEnv or an RLlib MultiAgentEnv."
    )
