"""Which agents share the parameters of their networks: the setting, and the group of every agent that it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rllib_remix.errors import SettingError, shown, unknown

SETTING = "share_parameters"


@dataclass(frozen=True)
class Sharing:
    """A setting that is true, false, or {group: [agents]}."""

    @property
    def text(self) -> str:
        return "true, false, or {group: [agents]} with every agent in one of two or more groups"

    def check(self, name: str, value: object) -> None:
        """Raises SettingError unless it is one of these; agents that it names need not exist."""
        if isinstance(value, bool):
            return
        groups: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, Mapping) else [("", ())]
        if not all(_is_name(group) and _are_names(members) for group, members in groups):
            raise SettingError(f"{name}: {shown(value)} is not allowed; it must be {self.text}.")
        group_of: dict[str, str] = {}
        for group, members in groups:
            for agent in members:
                if agent in group_of:
                    twice = f"in {shown(group_of[agent])} and in {shown(group)}"
                    where = f"twice in {shown(group)}" if group_of[agent] == group else twice
                    raise SettingError(
                        f"{name}: agent {shown(agent)} is {where}; it must be in one group, once."
                    )
                group_of[agent] = group
        if len(groups) < 2:
            raise SettingError(
                f"{name}: {shown(value)} is not allowed; one group of all agents is true, no groups are false, and "
                "otherwise there must be two or more."
            )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_names(value: object) -> bool:
    listed = isinstance(value, list | tuple)
    return listed and bool(value) and all(map(_is_name, value))


def agent_groups(networks: Mapping[str, Any], n_agents: int, agents: Sequence[str] = ()) -> tuple[int, ...]:
    """The group of every agent, [n]; the first agent is in group 0, and so on. All are 0 if all share their parameters.

    Args:
        networks: as a config's `networks()` has them, with the setting, or a checkpoint, with what this returns; one that
            does not say it is older, and all share.
        n_agents: n.
        agents: their names in slot order; needed for groups by name.

    Raises:
        SettingError: the groups are not of these agents.
    """
    share = networks.get(SETTING)
    if share is None or isinstance(share, bool):
        share = share is not False
        return tuple(0 if share else agent for agent in range(n_agents))
    if not isinstance(share, Mapping):
        return tuple(share)
    if not agents:
        raise SettingError(f"{SETTING}: groups are by name, but the names of the agents are not known here.")
    group_of: dict[str, str] = {}
    for group, members in share.items():
        for agent in members:
            if agent not in agents:
                raise unknown(f"{SETTING}, agents of {shown(group)}", agent, agents)
            group_of[agent] = group
    if missing := [agent for agent in agents if agent not in group_of]:
        names = ", ".join(map(shown, missing))
        raise SettingError(
            f"{SETTING}: {names} {'are' if len(missing) > 1 else 'is'} in no group; every agent must be in one. "
            f"Groups: {', '.join(map(str, share))}."
        )
    return _numbered([group_of[agent] for agent in agents])


def _numbered(groups: Sequence[str]) -> tuple[int, ...]:
    """Numbers in the order in which the names first come, so that groups in another order are the same."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return tuple(numbers[group] for group in groups)


def are_groups(value: object) -> bool:
    """Whether a value is what `agent_groups` returns, as a list."""
    if not isinstance(value, list) or not value or not all(type(group) is int for group in value):
        return False
    firsts = list(dict.fromkeys(value))
    return firsts == list(range(len(firsts)))


class GroupPlaces:
    """Where the agents of G groups stand in arrays of G·k places, where k agents are in the largest group.

    Args:
        groups: [n], from `agent_groups`.

    Attributes:
        groups: these.
        count, largest: G and k.
        of_agents: [n] the place of every agent: those of group g are at g·k, g·k + 1, ….
    """

    def __init__(self, groups: Sequence[int]):
        self.groups, self.count = tuple(groups), max(groups) + 1
        members = [0] * self.count
        ranks = []
        for group in self.groups:
            ranks.append(members[group])
            members[group] += 1
        self.largest = max(members)
        self.of_agents = tuple(
            group * self.largest + rank for group, rank in zip(self.groups, ranks, strict=True)
        )
