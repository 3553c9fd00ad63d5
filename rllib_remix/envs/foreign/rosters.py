"""Agents of a team that are in play together, and what their environment says of all of them at once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import add, itemgetter
from typing import Any

import numpy as np

from rllib_remix.envs.foreign.agent_view import AgentView
from rllib_remix.envs.foreign.copies import Copies
from rllib_remix.envs.foreign.returned import LARGEST

_FALSE = frozenset((False,))
_NUMBERS = frozenset((float, int, np.float32, np.float64))


class Roster:
    """Some agents of a team; a step that speaks of exactly these is read without a look at each.

    Args:
        listed: the agents, as the environment lists them.
        agents: of the team, in slot order.
        views: of the team.
        n_actions: of the team.

    Attributes:
        agents, slots: those listed, in slot order.
        is_all: whether they are the whole team.
        in_play: [n] bool.
        avail: [n, U] bool: without masks.
        mask_places: where masks that are laid end to end go in `avail`, flat.

    Raises:
        KeyError: an agent that the team does not have.
    """

    def __init__(
        self,
        listed: list[Hashable],
        agents: Sequence[Hashable],
        views: Sequence[AgentView],
        n_actions: int,
    ) -> None:
        slot_of = {agent: slot for slot, agent in enumerate(agents)}
        self.listed = listed
        self.slots = sorted({slot_of[agent] for agent in listed})
        self.agents = [agents[slot] for slot in self.slots]
        self.is_all = len(self.slots) == len(agents)
        self.in_play = np.zeros(len(agents), bool)
        self.avail = np.zeros((len(agents), n_actions), bool)
        self.avail[:, 0] = True
        for slot in self.slots:
            self.in_play[slot] = True
            self.avail[slot, : views[slot].n_actions] = True
        self.mask_places = np.concatenate(
            [slot * n_actions + np.arange(views[slot].n_actions) for slot in self.slots]
            or [np.zeros(0, np.int64)]
        )
        self._no_infos: dict[Hashable, Any] = {agent: {} for agent in self.agents}
        self._no_flags = dict.fromkeys(self.agents, False)
        self._get = itemgetter(*self.agents) if len(self.agents) > 1 else None

    def values(self, given: Any) -> Sequence[Any] | None:
        """What a dict has for each, in slot order; None unless it has exactly these agents."""
        if not isinstance(given, dict) or len(given) != len(self.agents):
            return None
        return self.chosen(given)

    def chosen(self, given: dict[Hashable, Any]) -> Sequence[Any] | None:
        """As `values`, from a dict that may have more agents."""
        if type(given) is not dict:
            given = dict(given)  # One with defaults would have what is asked for.
        try:
            return self._get(given) if self._get is not None else [given[agent] for agent in self.agents]
        except KeyError:
            return None

    def sent(self, actions: list[int]) -> dict[Hashable, int]:
        """The actions of these agents, out of one for every slot."""
        if self.is_all:
            return dict(zip(self.agents, actions, strict=True))
        return {agent: actions[slot] for agent, slot in zip(self.agents, self.slots, strict=True)}

    def paid(self, rewards: list[float], which: str | int, returns: list[float]) -> float:
        """The team's reward, as `returned.team_reward` has it, where all of these received one.

        Args:
            rewards: of each.
            which: "sum" or "mean", or the slot of the agent whose reward is the team's.
            returns: [n], added to in place.
        """
        if self.is_all:
            returns[:] = map(add, returns, rewards)
        else:
            for slot, reward in zip(self.slots, rewards, strict=True):
                returns[slot] += reward
        if isinstance(which, int):
            return rewards[self.slots.index(which)] if which in self.slots else 0.0
        total = 0.0
        for reward in rewards:  # Not by sum(), which rounds otherwise from one Python to another.
            total += reward
        return total / len(rewards) if which == "mean" else total

    def usual(self, result: Any, copies: Copies) -> tuple[Sequence[Any], Sequence[Any], dict] | None:
        """Observations and rewards in slot order, and infos, of a step that speaks of exactly these and flags nobody."""
        if type(result) is not tuple or len(result) != 5:
            return None
        observations, rewards, terminateds, truncateds, infos = result
        if not (
            self.flags_nobody(terminateds, copies.known_flags)
            and self.flags_nobody(truncateds, copies.known_flags)
        ):
            return None
        shown, paid = self.values(observations), self.values(rewards)
        if shown is None or paid is None:
            return None
        return (shown, paid, infos) if isinstance(infos, dict) else None

    def flags_nobody(self, flags: Any, known: frozenset[Hashable]) -> bool:
        """Whether flags are False for certain: all that they hold, of agents that are `known`."""
        if not isinstance(flags, dict):
            return False
        try:
            return flags == self._no_flags or (_FALSE.issuperset(flags.values()) and flags.keys() <= known)
        except (TypeError, ValueError):  # An array.
            return False

    def informs_nobody(self, infos: Any) -> bool:
        """Whether infos say nothing for certain: empty, or empty for each of these agents."""
        if not isinstance(infos, dict):
            return False
        try:
            return not infos or infos == self._no_infos
        except (TypeError, ValueError):  # An array.
            return False


def plain_rewards(rewards: Sequence[Any]) -> list[float] | None:
    """Rewards as floats; None unless all are plain finite numbers, of a finite sum."""
    kinds = set(map(type, rewards))
    if not kinds <= _NUMBERS:
        return None
    try:
        numbers = list(rewards if kinds == {float} else map(float, rewards))
    except OverflowError:
        return None
    # Infinities are among the extremes, and NaN is in the sum.
    if -LARGEST <= sum(numbers) <= LARGEST and min(numbers) >= -LARGEST and max(numbers) <= LARGEST:
        return numbers
    return None
