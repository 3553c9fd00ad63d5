"""In which order the agents of a foreign environment take the slots of a team, the same in every process."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from rllib_remix.errors import SettingError, nearest

# Keys of RLlib's dicts that speak of the whole episode; no agent can have such a name.
ALL, COMMON = "__all__", "__common__"


def announced_agents(env: Any) -> list[Hashable]:
    """The agents that an environment announces, in slot order; empty if it announces none.

    A list keeps its order; a set is sorted by name, with numbers in names counted as numbers. Wrappers (RLlib's
    among them) list the agents of the environment inside in the order of a set, which differs from process to
    process: the environment inside has the word.

    Raises:
        SettingError: what is announced is no collection of distinct agents.
    """
    name = type(env).__name__
    own = _as_list(name, getattr(env, "possible_agents", None))
    own = own or _as_list(name, getattr(env, "agents", None))
    ids = getattr(env, "_agent_ids", None)  # from which RLlib fills the lists of an environment that has none
    from_set = isinstance(ids, Set) and bool(ids)
    own = own or (_as_list(name, ids) if from_set else [])
    for place in ("par_env", "env"):
        inner = getattr(env, place, None)
        if inner is not None and inner is not env and hasattr(inner, "possible_agents"):
            order = announced_agents(inner)
            if own and set(order) == set(own):
                return order
    return sorted(own, key=_natural) if from_set else own


def names_of(owner: str, agents: Sequence[Hashable]) -> tuple[str, ...]:
    """The agents' names, as they are kept in checkpoints.

    Raises:
        SettingError: two agents have the same.
    """
    names = tuple(map(str, agents))
    for agent, name in zip(agents, names, strict=True):
        if names.count(name) > 1:
            alike = ", ".join(described(other) for other in agents if str(other) == name)
            raise SettingError(
                f"env: {owner} announces {alike}, which have one name; every agent needs its own."
            )
        if name in (ALL, COMMON):
            raise SettingError(f"env: {owner} announces {described(agent)}, which is no name of an agent.")
    return names


def described(agent: Any) -> str:
    """An id with its type: "0" and 0 look alike."""
    return f"{_short(agent)} ({type(agent).__name__})"


def nearest_agent(agent: Any, agents: Sequence[Hashable]) -> str:
    """The announced agent that an unknown id most likely means, or all of them."""
    guess = nearest(str(agent), map(str, agents))
    if guess is None:
        shown = ", ".join(map(described, agents[:10]))
        return f"announced: {shown}{' …' if len(agents) > 10 else ''}"
    return f"the nearest announced one is {described(next(a for a in agents if str(a).lower() == guess.lower()))}"


def _as_list(owner: str, announced: Any) -> list[Hashable]:
    if announced is None:
        return []
    if isinstance(announced, np.ndarray):
        announced = announced.tolist()
    if isinstance(announced, (str, bytes)) or not isinstance(announced, Iterable) or _is_used_up(announced):
        raise SettingError(
            f"env: the agents that {owner} announces are {_short(announced)}, of type {type(announced).__name__}; "
            "allowed: a list of agents."
        )
    agents = list(announced)
    for agent in agents:
        if not isinstance(agent, Hashable):
            raise SettingError(
                f"env: {owner} announces the agent {_short(agent)}, of type {type(agent).__name__}; allowed: "
                "strings and numbers."
            )
    return sorted(agents, key=_natural) if isinstance(announced, (Set, Mapping)) else agents


def _is_used_up(announced: Any) -> bool:
    """Whether it can be read only once, as a generator."""
    return iter(announced) is announced


def _natural(agent: Hashable) -> tuple[list[Any], str]:
    """Sorts agent_2 before agent_10."""
    parts = re.split(r"([0-9]+)", str(agent))
    key = [(len(p.lstrip("0")), p.lstrip("0")) if at % 2 else p for at, p in enumerate(parts)]
    return key, str(agent)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
