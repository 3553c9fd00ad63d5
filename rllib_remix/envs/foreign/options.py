"""The options of an adapter: the config's `team_adapter`."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from rllib_remix.envs.foreign.copies import name_of, short
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_choice, check_keys, check_number

OPTIONS = ("state", "team_reward", "episode_limit")
STATES = ("environment", "observations")
TEAM_REWARDS = ("sum", "mean")

_LIMIT_ATTRIBUTES = ("episode_limit", "max_cycles", "max_steps")


def check_options(options: Any) -> None:
    """Raises SettingError for an option that cannot be."""
    if not isinstance(options, dict):
        raise SettingError(
            f"team_adapter: {short(options)} is of type {type(options).__name__}; allowed: a mapping with "
            f"{', '.join(OPTIONS)}."
        )
    check_keys("team_adapter", options, OPTIONS)
    if "state" in options:
        check_choice("team_adapter.state", options["state"], STATES)
    if "team_reward" in options:
        check_choice("team_adapter.team_reward", options["team_reward"], TEAM_REWARDS)
    if options.get("episode_limit") is not None:
        check_number("team_adapter.episode_limit", options["episode_limit"], low=1, integer=True)


def episode_limit(options: dict[str, Any], env: Any) -> int:
    """The option, or what the environment announces; in env steps.

    Raises:
        SettingError: there is neither.
    """
    if options.get("episode_limit") is not None:
        return int(options["episode_limit"])
    for owner in (env, env.unwrapped):
        for name in _LIMIT_ATTRIBUTES:
            limit = getattr(owner, name, None)
            if isinstance(limit, Integral) and not isinstance(limit, bool) and int(limit) >= 1:
                return int(limit)
    raise SettingError(
        f"team_adapter.episode_limit: missing, and {name_of(env)} announces none as "
        f"{', '.join(_LIMIT_ATTRIBUTES)}; set the largest number of env steps in an episode, e.g. "
        'team_adapter={"episode_limit": 100}.'
    )
