"""What a kind of foreign environments says of itself; the rest is the same for all, see `vectorised`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any

from rllib_remix.envs.foreign.copies import Copies
from rllib_remix.envs.foreign.rosters import Roster
from rllib_remix.envs.team_env import TeamEnv


class ForeignKind(TeamEnv):
    """Which environments are of the kind, where their spaces are, who acts next, and when an episode is over."""

    envs: list[Any]
    _copies: Copies

    STATE_PLACES: str  # where the kind of environment can have its state, for the error
    NOBODY: str  # how an environment of the kind says that nobody acts, for the error

    @classmethod
    @abstractmethod
    def accepts(cls, env: Any) -> bool:
        """Whether an environment is of this kind."""

    @classmethod
    @abstractmethod
    def spaces_of(cls, env: Any, agent: Hashable) -> tuple[Any, Any]:
        """Observation and action space of one agent."""

    def _prepare(self) -> None:
        """Makes room for what the kind notes of each copy."""

    def _begin(self, copy: int) -> None:
        """Takes note of who acts first."""

    @abstractmethod
    def _acts(self, copy: int, agent: Hashable, observations: dict) -> bool:
        """Whether an agent acts in the next step of an episode that goes on."""

    def _listed(self, copy: int, observations: dict) -> list[Hashable]:
        """All of whom `_acts` is true, in an order that seldom changes; a kind may know them without asking for each."""
        return [agent for agent in self._copies.agents if self._acts(copy, agent, observations)]

    def _usual_step(
        self, copy: int, result: Any, roster: Roster
    ) -> tuple[Sequence[Any], Sequence[Any], dict] | None:
        """What a step returned in which the same agents went on as before: observations, rewards and infos.

        The first two in slot order of the roster, who has acted and acts next. None if anything at all is unusual, so
        that it is to be looked at agent by agent. A kind that returns no dicts of agents has its own.
        """
        usual = roster.usual(result, self._copies)
        return usual if usual is not None and self._goes_on(copy, roster) else None

    def _goes_on(self, copy: int, roster: Roster) -> bool:
        """Whether the roster, of whom nobody was flagged, acts next."""
        return True

    @abstractmethod
    def _takes_turns(self, env: Any) -> bool:
        """Whether a step may do without the actions of agents that are observed."""

    @abstractmethod
    def _outcome(
        self, copy: int, ended: dict[Hashable, str], over: dict[str, bool], observations: dict
    ) -> tuple[bool, bool]:
        """Whether the episode is (terminated, truncated), episode limit aside; keeps who ended in `_copies.ended`.

        Args:
            copy: the copy.
            ended: agents that this step flagged -> "terminated" or "truncated".
            over: "terminated", "truncated" -> whether the whole episode was flagged.
            observations: what this step shows.
        """
