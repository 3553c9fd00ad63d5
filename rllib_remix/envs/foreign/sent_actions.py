"""The actions that reach foreign environments: those of the agents in play, which must be available."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_view import AgentView
from rllib_remix.envs.foreign.copies import Copies


class SentActions:
    """Checks the actions of all copies.

    Args:
        copies: who acts.
        views: of the team.
        avail: [N, n, U] bool, as it is at the time of a check.
        in_play: [N, n] bool, likewise.
    """

    def __init__(
        self, copies: Copies, views: Sequence[AgentView], avail: np.ndarray, in_play: np.ndarray
    ) -> None:
        self._copies, self._views, self._avail, self._in_play = copies, views, avail, in_play
        self._firsts = np.array([view.first_action for view in views])
        n_copies, n_agents, n_actions = avail.shape
        self._offsets = np.arange(n_copies * n_agents).reshape(n_copies, n_agents) * n_actions

    def all_available(self, actions: np.ndarray) -> list[list[int]] | None:
        """For every copy and slot the action as the environment numbers it; None if one in play is not available."""
        given = np.asarray(actions)
        if given.dtype.kind not in "iu" or given.shape != self._offsets.shape:
            return None
        if given.min() < 0 or given.max() >= self._avail.shape[2]:
            return None
        available = self._avail.reshape(-1)[self._offsets + given]
        if not (available | ~self._in_play).all():
            return None
        return (given + self._firsts).tolist()

    def of_each(self, copy: int, actions: np.ndarray) -> dict[Hashable, int]:
        """The actions of one copy's agents in play, as the environment numbers them.

        Raises:
            TeamEnvError: one is not available; names the copy, the agent and the step.
        """
        sent = {}
        for index in np.flatnonzero(self._in_play[copy]).tolist():
            action, view = int(actions[index]), self._views[index]
            if not (0 <= action < view.n_actions and self._avail[copy, index, action]):
                raise TeamEnvError(
                    f"{self._copies.where(copy, index)}: action {action} is not available; "
                    f"allowed: {', '.join(map(str, np.flatnonzero(self._avail[copy, index])))}."
                )
            sent[self._copies.agents[index]] = action + view.first_action
        return sent
