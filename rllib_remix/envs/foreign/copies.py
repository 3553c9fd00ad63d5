"""The copies of a foreign environment: that all are alike, how far each is, and where something happened."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_order import ALL, COMMON, announced_agents, described, nearest_agent
from rllib_remix.envs.foreign.agent_view import AgentView, agent_view
from rllib_remix.envs.foreign.stand_in import inside
from rllib_remix.errors import SettingError

SpacesOf = Callable[[Any, Hashable], tuple[Any, Any]]


class Copies:
    """N environments with the same agents, and what their current episodes have come to.

    Attributes:
        envs: [N], the environments.
        first: the number of the first of them, among the copies of all processes.
        agents: in slot order.
        steps: [N], env steps of the current episode.
        ended: [N], agent -> "terminated" or "truncated", of those that the current episode goes on without.
        known, known_flags, known_infos: the keys that an environment's dicts may have.
    """

    def __init__(self, envs: list[Any], agents: list[Hashable], first: int = 0) -> None:
        self.envs, self.agents, self.first = envs, agents, first
        self.steps = [0] * len(envs)
        self.ended: list[dict[Hashable, str]] = [{} for _ in envs]
        self.known = frozenset(agents)
        self.known_flags, self.known_infos = self.known | {ALL}, self.known | {ALL, COMMON}

    def begin(self, copy: int) -> None:
        """Notes that a copy starts a new episode."""
        self.steps[copy], self.ended[copy] = 0, {}

    def where(self, copy: int, index: int | np.intp | None = None) -> str:
        """For messages: the environment, the copy, the agent in slot `index`, and the step."""
        agent = "" if index is None else f", agent {self.agents[index]!r}"
        return f"{name_of(self.envs[copy])}, copy {self.first + copy}{agent}, step {self.steps[copy]} of the episode"

    def slot(self, agent: Hashable) -> int | None:
        """Of an agent, None for other keys."""
        return self.agents.index(agent) if agent in self.known else None

    def refuse_unknown(
        self, copy: int, given: Iterable[Hashable], known: frozenset[Hashable], what: str
    ) -> None:
        """Raises TeamEnvError for the first id that was not announced."""
        for agent in given:
            if agent not in known:
                raise TeamEnvError(
                    f"{self.where(copy)}: the {what} hold {described(agent)}, an agent that was not announced; "
                    f"{nearest_agent(agent, self.agents)}."
                )


def common_views(
    envs: list[Any], accepts: Callable[[Any], bool], spaces_of: SpacesOf, first_copy: int = 0
) -> tuple[list[Hashable], list[AgentView]]:
    """The agents, in slot order, and what each sees and may do, which must be the same in all copies.

    Args:
        envs: the copies.
        accepts: whether an environment is of their kind.
        spaces_of: observation and action space of an agent in an environment.
        first_copy: the number of the first, for errors.

    Raises:
        SettingError: no agents, spaces that no team can share, or copies that differ.
    """
    agents = announced_agents(envs[0])
    if not agents:
        raise SettingError(f"env: {name_of(envs[0])} has no possible_agents; a team needs 1 or more.")
    views = _views_of(envs[0], agents, spaces_of)
    for copy, env in enumerate(envs[1:], start=first_copy + 1):
        # Creators that define the class on every call give every copy a class of its own.
        same = accepts(env) and announced_agents(env) == agents
        if not same or _views_of(env, agents, spaces_of) != views:
            raise SettingError(
                f"make_env: copy {copy} differs from copy {first_copy} in its kind, agents or spaces; "
                "all copies must be of the same kind."
            )
    return agents, views


def _views_of(env: Any, agents: list[Hashable], spaces_of: SpacesOf) -> list[AgentView]:
    _check_reset(env)
    views = []
    for agent in agents:
        try:
            spaces = spaces_of(env, agent)
        except Exception as error:
            raise SettingError(
                f"env: {name_of(env)} announces the agent {described(agent)}, but asked for its spaces it fails with "
                f"{type(error).__name__}: {error}."
            ) from error
        views.append(agent_view(agent, *spaces))
    return views


def _check_reset(env: Any) -> None:
    """Raises SettingError for an environment of an old kind, whose reset takes no seed."""
    try:
        parameters = inspect.signature(env.reset).parameters
    except (AttributeError, TypeError, ValueError):
        return  # It does not tell.
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if "seed" not in parameters and not takes_any:
        raise SettingError(
            f"env: reset() of {name_of(env)} takes no `seed`; define it as reset(self, *, seed=None, options=None)."
        )


def name_of(env: Any) -> str:
    """The class of an environment, as messages name it; PettingZoo's are all of a class `raw_env`."""
    innermost = inside(env)
    name = type(innermost).__name__
    metadata = getattr(innermost, "metadata", None)
    known = metadata.get("name") if name == "raw_env" and isinstance(metadata, dict) else None
    return str(known or name)


def short(value: Any) -> str:
    """The repr of a value, of which messages show 200 characters at most."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
