"""Dicts of what agents see, as a loop over an environment has them, as the arrays of a team; and actions back."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np

from rllib_remix.envs.agent_layout import Layout, spaces_of
from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_view import AgentView, agent_view
from rllib_remix.envs.joint_actions import own_form
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import nearest, shown


class DictReader:
    """Reads the dicts of one environment as an adapter does.

    Args:
        team: sizes of the arrays, and the agents in slot order.
        layout: what each agent sees and does.
    """

    def __init__(self, team: TeamSpec, layout: Layout) -> None:
        self._team = team
        spaces = spaces_of(layout)
        made: dict[int, AgentView] = {}  # agents that are alike share their spaces
        for agent in team.agents:
            seen, _ = spaces[agent]
            if id(seen) not in made:
                made[id(seen)] = agent_view(agent, *spaces[agent])
        self._actions = [spaces[agent][1] for agent in team.agents]
        self._views = [made[id(spaces[agent][0])] for agent in team.agents]

    def read(
        self, observations: Any, infos: Mapping[Any, Any], acting: Collection[Hashable] | None
    ) -> tuple[np.ndarray, np.ndarray, dict[int, Hashable]]:
        """What one copy of a TeamEnv would show.

        Args:
            observations: agent -> what it sees, with its mask if its space has one; agents that are gone are missing.
            infos: agent -> its info, which may have the mask.
            acting: the agents that act next; None for all that are observed.

        Returns:
            obs [1, n, O], avail_actions [1, n, U] bool, and slot -> agent of those that have an action.

        Raises:
            TeamEnvError: an unknown agent, or an observation or a mask that does not fit its space.
        """
        team = self._team
        obs = np.zeros((1, team.n_agents, team.obs_dim), team.obs_dtype)
        avail = np.zeros((1, team.n_agents, team.n_actions), bool)
        acts: dict[int, Hashable] = {}
        for agent, slot in self._slots(observations, acting):
            view, info = self._views[slot], infos.get(agent) or {}
            try:
                seen, mask = view.read(observations[agent], info, obs.dtype)
            except TeamEnvError as error:
                raise TeamEnvError(f"act_dict: agent {agent!r}: {error}") from None
            obs[0, slot, : view.size] = seen
            avail[0, slot, : view.n_actions] = True if mask is None else mask
            if avail[0, slot].any():
                acts[slot] = agent
        gone = ~avail.any(-1)
        avail[gone, 0] = True  # as a TeamEnv shows those that are gone or wait
        return obs, avail, acts

    def sent(self, actions: np.ndarray, acts: Mapping[int, Hashable]) -> dict[Hashable, Any]:
        """Agent -> action, in the environment's own form.

        Args:
            actions: [n] int. acts: slot -> agent, of those whose actions are sent.
        """
        return {agent: own_form(self._actions[slot], int(actions[slot])) for slot, agent in acts.items()}

    def _slots(self, observations: Any, acting: Collection[Hashable] | None) -> list[tuple[Hashable, int]]:
        """Those who act, in slot order."""
        if not isinstance(observations, Mapping):
            raise TeamEnvError(
                f"act_dict: the observations are of type {type(observations).__name__}; allowed: a dict with an "
                "observation for each agent. Of a list in the order of the agents: dict(zip(policy.agents, observations))."
            )
        found = [(agent, self._slot(agent)) for agent in (observations if acting is None else acting)]
        missing = [agent for agent, _ in found if agent not in observations]
        if missing:
            raise TeamEnvError(f"act_dict: agent {missing[0]!r} acts next, but nothing is observed.")
        if not found:
            raise TeamEnvError("act_dict: nobody is observed; an episode that is over needs reset() first.")
        return sorted(found, key=lambda entry: entry[1])

    def _slot(self, agent: Hashable) -> int:
        try:
            return self._team.agents.index(str(agent))
        except ValueError:
            guess = nearest(str(agent), self._team.agents)
            hint = f"; did you mean {guess!r}?" if guess else "."
            known = ", ".join(self._team.agents[:10]) + (", …" if len(self._team.agents) > 10 else "")
            raise TeamEnvError(f"act_dict: unknown agent {shown(agent)}{hint} Allowed: {known}.") from None
