"""PettingZoo's `ParallelEnv` as a TeamEnv."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from pettingzoo import ParallelEnv
from pettingzoo.utils.conversions import turn_based_aec_to_parallel_wrapper

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.copies import short
from rllib_remix.envs.foreign.rosters import Roster
from rllib_remix.envs.foreign.vectorised import ForeignEnvAdapter


class ParallelEnvAdapter(ForeignEnvAdapter):
    """PettingZoo: who is in `env.agents` acts next, also after it was gone; the episode is over when nobody is.

    The state is "state" in the agents' Dict observations, or `env.state()`.
    """

    STATE_PLACES = 'state(), nor "state" in an observation'
    NOBODY = "the environment's `agents` are empty"

    @classmethod
    def accepts(cls, env: Any) -> bool:
        return isinstance(env, ParallelEnv)

    @classmethod
    def spaces_of(cls, env: Any, agent: Hashable) -> tuple[Any, Any]:
        return env.observation_space(agent), env.action_space(agent)

    def _prepare(self) -> None:
        self._acting: list[frozenset[Hashable]] = [frozenset()] * self.num_envs
        self._in_order: list[list[Hashable]] = [[]] * self.num_envs
        # Of those that act, who was flagged since it came.
        self._flagged: list[frozenset[Hashable]] = [frozenset()] * self.num_envs

    def _begin(self, copy: int) -> None:
        self._acting[copy], self._flagged[copy] = self._read_agents(copy), frozenset()

    def _acts(self, copy: int, agent: Hashable, observations: dict) -> bool:
        return agent in self._acting[copy]

    def _listed(self, copy: int, observations: dict) -> list[Hashable]:
        return self._in_order[copy]

    def _goes_on(self, copy: int, roster: Roster) -> bool:
        agents = self.envs[copy].agents
        return type(agents) is list and agents == roster.listed

    def _takes_turns(self, env: Any) -> bool:
        return isinstance(env, turn_based_aec_to_parallel_wrapper)  # others want the actions of all

    def _outcome(
        self, copy: int, ended: dict[Hashable, str], over: dict[str, bool], observations: dict
    ) -> tuple[bool, bool]:
        acting = self._acting[copy] = self._read_agents(copy)
        # An environment may leave its agents in the list when it is over for all of them.
        all_ended = ended.keys() >= acting
        flagged = frozenset(ended)
        ended = {**self._copies.ended[copy], **ended}
        if over["terminated"] or over["truncated"] or all_ended:
            self._copies.ended[copy] = ended
            truncated = not over["terminated"] and (over["truncated"] or "truncated" in ended.values())
            return not truncated, truncated
        self._copies.ended[copy] = {agent: kind for agent, kind in ended.items() if agent not in acting}
        self._note_flagged(copy, flagged, acting)
        return False, False

    def _note_flagged(self, copy: int, flagged: frozenset[Hashable], acting: frozenset[Hashable]) -> None:
        """Refuses what can mean two things: a game that is over, and one in which all have come back."""
        flagged = self._flagged[copy] = (self._flagged[copy] | flagged) & acting
        if acting and flagged == acting:
            raise TeamEnvError(
                f"{self._where(copy)}: all in the environment's `agents` were flagged, but in different steps, so that it "
                "cannot be told whether the episode is over. Take an agent out of `agents` when it is flagged, or flag "
                "all at the end."
            )

    def _read_agents(self, copy: int) -> frozenset[Hashable]:
        agents = self.envs[copy].agents
        try:
            listed = list(agents)
            acting = frozenset(listed)
        except TypeError:
            raise TeamEnvError(
                f"{self._where(copy)}: the environment's `agents` are {short(agents)}, of type {type(agents).__name__}; "
                "they must be a list."
            ) from None
        if not acting <= self._copies.known:
            self._copies.refuse_unknown(copy, acting, self._copies.known, "environment's `agents`")
        self._in_order[copy] = listed
        return acting
