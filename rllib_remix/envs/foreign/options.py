"""The options of an adapter: the config's `team_adapter`, and what is assumed where one is not given."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral
from typing import Any

from rllib_remix.envs.foreign.copies import name_of, short
from rllib_remix.envs.foreign.stand_in import StandIn
from rllib_remix.errors import SettingError, nearest, shown
from rllib_remix.settings import check_choice, check_keys, check_number

logger = logging.getLogger(__name__)

OPTIONS = ("state", "team_reward", "episode_limit")
STATES = ("environment", "observations", "both")
REWARDS_CANCEL = (
    "cancel each other out: from their sum a team learns nothing, and a team is not trained against itself. All play for "
    'one of them with {"team_adapter": {"team_reward": AGENT}} in env_config.'
)
SUM, MEAN = "sum", "mean"  # of the agents' rewards; otherwise one agent's

# Where an environment may say how long an episode is at most: itself, or what it was registered with.
_LIMIT_ATTRIBUTES = ("episode_limit", "max_cycles", "max_steps", "_max_episode_steps")
_OF_SPEC = ("max_episode_steps", "max_cycles")
_OF_ARGUMENTS = ("max_episode_steps", "max_cycles", "max_steps", "episode_limit")
_INSIDE = ("env", "par_env", "aec_env", "unwrapped")  # what wrappers call the environment that they wrap


_assumptions_are_shown: ContextVar[bool] = ContextVar("assumptions_are_shown", default=False)


@contextmanager
def assumptions_shown() -> Iterator[None]:
    """Within it nothing is logged of assumptions: who made the environment shows them."""
    token = _assumptions_are_shown.set(True)
    try:
        yield
    finally:
        _assumptions_are_shown.reset(token)


def check_options(options: Any) -> None:
    """Raises SettingError for an option that cannot be, whatever the environment."""
    if not isinstance(options, dict):
        raise SettingError(
            f"team_adapter: {short(options)} is of type {type(options).__name__}; allowed: a mapping with "
            f"{', '.join(OPTIONS)}."
        )
    check_keys("team_adapter", options, OPTIONS)
    if options.get("state") is not None:
        check_choice("team_adapter.state", options["state"], STATES)
    reward = options.get("team_reward")
    if reward is not None and not isinstance(reward, str):
        raise SettingError(
            f"team_adapter.team_reward: {short(reward)} is of type {type(reward).__name__}; allowed: {SUM!r}, {MEAN!r} or "
            "the name of an agent."
        )
    if options.get("episode_limit") is not None:
        check_number("team_adapter.episode_limit", options["episode_limit"], low=1, integer=True)


def team_reward(options: dict[str, Any], agents: Sequence[str]) -> str | int:
    """SUM, MEAN, or the slot of the agent whose reward is the team's.

    Raises:
        SettingError: no agent has that name.
    """
    given = options.get("team_reward")
    if given is None:
        return SUM
    if given in (SUM, MEAN):
        return given
    if given not in agents:
        guess = nearest(given, (SUM, MEAN, *agents))
        hint = f"; did you mean {guess!r}?" if guess else "."
        listed = f"{', '.join(agents[:10])}{', …' if len(agents) > 10 else ''}"
        raise SettingError(
            f"team_adapter.team_reward: unknown name {shown(given)}{hint} Allowed: {SUM}, {MEAN}, or an agent: {listed}."
        )
    return agents.index(given)


def episode_limit(options: dict[str, Any], env: Any) -> tuple[int, str]:
    """The option, or what the environment announces, in env steps; and where it was found, "" if it was given.

    Raises:
        SettingError: there is neither.
    """
    if options.get("episode_limit") is not None:
        return int(options["episode_limit"]), ""
    for owner in _within(env):
        for place, limit in _announced(owner):
            if isinstance(limit, Integral) and not isinstance(limit, bool) and int(limit) >= 1:
                # What stands for an environment may know that it counts cycles of turns.
                turns = getattr(env, "turns_in_a_cycle", 1)
                return int(limit) * turns, place if turns == 1 else f"{place}, of {turns} turns each"
    raise SettingError(
        f"team_adapter.episode_limit: missing, and {name_of(env)} announces none as "
        f"{', '.join(_LIMIT_ATTRIBUTES)} or spec.{_OF_SPEC[0]}, nor does what it wraps; set the largest number of env "
        'steps in an episode, e.g. {"team_adapter": {"episode_limit": 100}} in env_config.'
    )


def _within(env: Any) -> Iterator[Any]:
    """An environment, and those that it wraps, from the outside in: an outer limit is reached first."""
    waiting, seen = [env], set()
    while waiting:
        owner = waiting.pop(0)
        if owner is None or id(owner) in seen:
            continue
        seen.add(id(owner))
        yield owner
        waiting += [_attribute(owner, place) for place in _INSIDE]


def _announced(owner: Any) -> Iterator[tuple[str, Any]]:
    """Where one environment may say its limit, and what stands there."""
    for name in _LIMIT_ATTRIBUTES:
        yield name, _attribute(owner, name)
    spec = _attribute(owner, "spec")
    for name in _OF_SPEC:
        yield f"spec.{name}", _attribute(spec, name)
    arguments = _attribute(spec, "kwargs")
    if isinstance(arguments, dict):
        for name in _OF_ARGUMENTS:
            yield f"spec.kwargs[{name!r}]", arguments.get(name)


def _attribute(owner: Any, name: str) -> Any:
    """None too where a property fails: a stranger's may ask for what is not there yet."""
    try:
        return getattr(owner, name, None)
    except Exception:
        return None


def assumptions(
    options: dict[str, Any], env: Any, limit: int, limit_place: str, own_state_dim: int | None
) -> list[str]:
    """What was assumed of an environment, a line each.

    Args:
        options: the options that were given; env: the environment.
        limit, limit_place: of its episodes, and where it says so; "" if it was an option.
        own_state_dim: numbers in the state that it shows; None if it shows none.
    """
    assumed = list(env.assumed) if isinstance(env, StandIn) else []
    if options.get("state") is None:
        own = f"the environment's own, of {own_state_dim} numbers"
        seen = f"what all agents observe, as {name_of(env)} shows no state of its own"
        assumed.append(f"state: {own if own_state_dim else seen}")
    if limit_place:
        assumed.append(f"episode_limit: {limit} env steps, from {limit_place}")
    if options.get("team_reward") is None:
        assumed.append("team_reward: the sum of the agents' rewards")
    return assumed


def say_assumed(name: str, assumed: tuple[str, ...]) -> None:
    """Logs once in a process what was assumed of an environment; aloud if its state had to be made."""
    if not _assumptions_are_shown.get():
        _say_assumed(name, assumed)


@functools.cache
def _say_assumed(name: str, assumed: tuple[str, ...]) -> None:
    made = any(line.startswith(("state: what", "observations:")) for line in assumed)
    level = logging.WARNING if made else logging.INFO
    if assumed:
        logger.log(level, "team_adapter, assumed of %s: %s. Options say otherwise.", name, "; ".join(assumed))


def say_if_rewards_cancel(name: str, agents: Sequence[str], received: Sequence[float]) -> None:
    """Logs once in a process that the rewards of an episode were opponents': their sum is 0, though they are not."""
    if rewards_cancel(received):
        told = ", ".join(f"{agent} {value:g}" for agent, value in zip(agents[:4], received, strict=False))
        _say_rewards_cancel(name, f"{told}{', …' if len(agents) > 4 else ''}")


def rewards_cancel(received: Sequence[float]) -> bool:
    """Whether what agents received is not 0, but adds up to it."""
    most = max(map(abs, received), default=0.0)
    return most > 0 and abs(sum(received)) <= 1e-6 * most


@functools.cache
def _say_rewards_cancel(name: str, told: str) -> None:
    logger.warning("team_adapter.team_reward: the rewards of %s's agents (%s) %s", name, told, REWARDS_CANCEL)


@functools.cache
def say_own_end_is_later(name: str, limit: int, place: str, later: int = 1) -> None:
    """Logs once in a process that an environment goes on beyond the limit that it announces.

    Args:
        name, limit, place: of the environment, in env steps, and where it says so.
        later: env steps after which it is likely to end by itself.
    """
    logger.warning(
        "team_adapter: %s has not ended after %d env steps, its %s, and is truncated there. If it ends by itself %s "
        'later, give that: {"team_adapter": {"episode_limit": %d}} in env_config.',
        name,
        limit,
        place,
        "a step" if later == 1 else f"{later} steps",
        limit + later,
    )
