"""One agent that acts by itself: it is shown its own observations alone, and remembers its own history."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.errors import shown
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.rollout.acting import TeamActor


class AgentPolicy:
    """The greedy policy of one agent of a trained team, made by `TeamPolicy.agent`.

    It is the agent's decentralised executor: it has a network, a hidden state and a last action of its own, and nothing of
    the team.

    Args:
        network: of a team of one, from `network_of_one`.
        name, index: the agent's name, and its place in the team.
        obs_size, n_actions: how many numbers the agent itself sees, and how many actions it has; in a team of unlike
            agents less than the network has.
        obs_dtype: NumPy's name of the dtype in which the team was shown observations, None to take them as they come.
    """

    def __init__(
        self,
        network: RecurrentAgent,
        *,
        name: str,
        index: int,
        obs_size: int,
        n_actions: int,
        obs_dtype: str | None = None,
    ):
        self.name, self.index, self.obs_size, self.n_actions = name, index, obs_size, n_actions
        self._network, self._obs_dtype = network, obs_dtype
        self.reset()

    def reset(self) -> None:
        """Begins a new episode: the agent remembers nothing."""
        self._actor = TeamActor(self._network, 1)

    def act(self, observation: Any, avail_actions: Any = None) -> int:
        """The best available action, as a number from 0 on; it is remembered, as the observation is.

        Call it at every step of the episode, as the team is stepped at every step.

        Args:
            observation: what the agent sees, an array of any shape with `obs_size` numbers, or with the zeros that fill it
                up to the team's obs_dim; flat in the order of its rows.
            avail_actions: [n_actions] bool, or 0 and 1, what the agent may do now; or [U] of the team. None for all that
                it has.

        Returns:
            The number of the action; the first of equally good ones, and 0 if none is available.

        Raises:
            TeamEnvError: the observation or the mask does not fit; it names the agent.
        """
        obs = self._obs(observation).reshape(1, 1, -1)
        return int(self._actor.act(obs, self._mask(avail_actions).reshape(1, 1, -1))[0, 0])

    def _obs(self, observation: Any) -> np.ndarray:
        given = self._array("observation", observation, self.obs_size, self._network.obs_dim)
        row = np.zeros(self._network.obs_dim, self._obs_dtype or given.dtype)
        with np.errstate(all="ignore"):
            row[: given.size] = given
        fits = np.isfinite(row).all() if row.dtype.kind == "f" else (row[: given.size] == given).all()
        if not fits:
            raise self._error(f"the observation holds values that {row.dtype}, as in training, cannot hold.")
        return row

    def _mask(self, avail_actions: Any) -> np.ndarray:
        mask = np.zeros(self._network.n_actions, bool)
        if avail_actions is None:
            mask[: self.n_actions] = True
            return mask
        given = self._array("mask", avail_actions, self.n_actions, self._network.n_actions)
        mask[: given.size] = given
        if (mask[: given.size] != given).any():
            raise self._error(
                f"avail_actions is {shown(avail_actions)}; it may hold 0 (unavailable) and 1 (available) only."
            )
        return mask

    def _array(self, what: str, value: Any, own: int, of_team: int) -> np.ndarray:
        """The numbers of a value, flat. Raises TeamEnvError unless they are as many as the agent or the team has."""
        try:
            given = np.asarray(value)
        except ValueError:
            given = np.empty(0, object)
        if given.dtype.kind not in "biuf":
            raise self._error(f"the {what} is {shown(value)}; allowed: an array of numbers.")
        if given.size not in (own, of_team):
            sizes = str(own) if own == of_team else f"{own}, or {of_team} with zeros behind them"
            raise self._error(f"the {what} has {given.size} numbers, expected {sizes}.")
        return given.ravel()

    def _error(self, what: str) -> TeamEnvError:
        return TeamEnvError(f"act: agent {self.name!r}: {what}")
