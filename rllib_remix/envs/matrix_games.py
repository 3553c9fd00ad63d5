"""Matrix games: the smallest games in which a factorized joint value can fail."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_number

NON_MONOTONIC_PAYOFF = ((8, -12, -12), (-12, 0, 0), (-12, 0, 0))  # Son et al. 2019 (QTRAN), table 1
TWO_STEP_PAYOFFS = (((7, 7), (7, 7)), ((0, 1), (1, 8)))  # 2A and 2B, Rashid et al. 2018 (QMIX), table 1

_CELL = 32  # pixels
_MARK = 4  # pixels
_LOWEST, _HIGHEST = (
    np.array([35, 60, 130]),
    np.array([250, 225, 120]),
)  # RGB of the smallest and largest payoff
_MARK_COLOUR = np.array([220, 40, 40])


class MatrixGame(TeamEnv):
    """One joint action, one payoff, and the episode terminates.

    Observations [N, n, 1] and state [N, 1] are the float32 constant 1; every action is always available.
    """

    obs_dim = 1
    state_dim = 1
    episode_limit = 1

    def __init__(self, payoff: Any = None, num_envs: int = 1) -> None:
        """
        Args:
            payoff: nested lists or an array of shape [U] * n, the team reward of every joint action of n >= 1
                agents with U actions each. None takes the 3x3 game of Son et al. 2019.
            num_envs: number of copies.

        Raises:
            SettingError: the payoff is ragged, not numeric, not finite, or its axes differ in length.
        """
        check_number("num_envs", num_envs, low=1, integer=True)
        self.payoff = payoff_tensor(NON_MONOTONIC_PAYOFF if payoff is None else payoff)
        self.num_envs = int(num_envs)
        self.n_agents = self.payoff.ndim
        self.n_actions = self.payoff.shape[0]
        self._over = True  # of all copies at once, as all episodes last one step
        self._last_actions: np.ndarray | None = None

    def reset(self, seed: int | None = None) -> TeamStep:
        """Starts a new episode in every copy; there is nothing random, so `seed` has no effect."""
        self._over = False
        self._last_actions = None
        return self._show(np.zeros(self.num_envs, np.float32))

    def step(self, actions: np.ndarray) -> TeamStep:
        """Pays out the joint actions [N, n]; the step after that is a reset."""
        if self._over:
            return self.reset()
        self._over = True
        self._last_actions = np.array(actions)
        chosen = np.ravel_multi_index(tuple(self._last_actions.T), self.payoff.shape)
        return self._show(self.payoff.ravel()[chosen])

    def _show(self, rewards: np.ndarray) -> TeamStep:
        copies, agents = self.num_envs, self.n_agents
        return TeamStep(
            obs=np.ones((copies, agents, 1), np.float32),
            state=np.ones((copies, 1), np.float32),
            avail_actions=np.ones((copies, agents, self.n_actions), bool),
            rewards=rewards,
            terminated=np.full(copies, self._over),
            truncated=np.zeros(copies, bool),
            info={},
        )

    def render(self, copy: int = 0) -> np.ndarray:
        """The payoff table (agent 0 picks the row) with the last joint action framed, [H, W, 3] uint8.

        Raises:
            NotImplementedError: the game has other than two agents.
        """
        if self.n_agents != 2:
            raise NotImplementedError(
                f"render() draws the table of a game with 2 agents; this one has {self.n_agents}."
            )
        marked = None if self._last_actions is None else self._last_actions[copy]
        return payoff_picture(self.payoff, (self.payoff.min(), self.payoff.max()), marked)

    def get_state(self) -> dict[str, Any]:
        """Empty: nothing is random."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Nothing to take over: nothing is random."""


class TwoStepGame(TeamEnv):
    """The two-step game of the QMIX paper (Rashid et al. 2018, section 5 and table 1).

    In stage 1, agent 0's action alone decides: 0 leads to stage 2A, 1 to stage 2B. There, 2A pays 7 whatever
    the agents do and 2B pays [[0, 1], [1, 8]]; then the episode terminates. The best return is 8.

    Observations [N, 2, 3] and state [N, 3] are the float32 one-hot of the stage among (1, 2A, 2B); the last
    step of an episode still shows the stage that it was played in.
    """

    n_agents = 2
    n_actions = 2
    obs_dim = 3
    state_dim = 3
    episode_limit = 2

    def __init__(self, num_envs: int = 1) -> None:
        """
        Args:
            num_envs: number of copies.
        """
        check_number("num_envs", num_envs, low=1, integer=True)
        self.num_envs = int(num_envs)
        self.payoffs = np.array(TWO_STEP_PAYOFFS, np.float32)  # [2 tables, 2, 2]
        self._steps = self.episode_limit  # of all copies at once, as all episodes last two steps
        self._stages = np.zeros(self.num_envs, np.intp)  # 0: stage 1, 1: 2A, 2: 2B
        self._last_actions: np.ndarray | None = None

    def reset(self, seed: int | None = None) -> TeamStep:
        """Starts a new episode in every copy; there is nothing random, so `seed` has no effect."""
        self._steps = 0
        self._stages[:] = 0
        self._last_actions = None
        return self._show(np.zeros(self.num_envs, np.float32))

    def step(self, actions: np.ndarray) -> TeamStep:
        """Moves every copy to stage 2 or pays out its table, by the joint actions [N, 2]."""
        if self._steps == self.episode_limit:
            return self.reset()
        self._steps += 1
        actions = np.array(actions)
        np.ravel_multi_index(
            tuple(actions.T), (self.n_actions, self.n_actions)
        )  # refuses others than 0 and 1
        if self._steps == 1:
            self._stages = 1 + actions[:, 0]
            return self._show(np.zeros(self.num_envs, np.float32))
        self._last_actions = actions
        return self._show(self.payoffs[self._stages - 1, actions[:, 0], actions[:, 1]])

    def _show(self, rewards: np.ndarray) -> TeamStep:
        state = np.eye(self.state_dim, dtype=np.float32)[self._stages]
        return TeamStep(
            obs=np.repeat(state[:, None], self.n_agents, axis=1),
            state=state,
            avail_actions=np.ones((self.num_envs, self.n_agents, self.n_actions), bool),
            rewards=rewards,
            terminated=np.full(self.num_envs, self._steps == self.episode_limit),
            truncated=np.zeros(self.num_envs, bool),
            info={},
        )

    def render(self, copy: int = 0) -> np.ndarray:
        """Tables 2A (left) and 2B as [H, W, 3] uint8: dark if not reached, the last joint action framed."""
        limits = (self.payoffs.min(), self.payoffs.max())
        pictures = []
        for table, payoff in enumerate(self.payoffs):
            reached = self._stages[copy] == 1 + table
            marked = self._last_actions[copy] if reached and self._last_actions is not None else None
            picture = payoff_picture(payoff, limits, marked)
            pictures.append(picture if reached else picture // 2)
        gap = np.zeros((len(pictures[0]), _CELL // 2, 3), np.uint8)
        return np.concatenate([pictures[0], gap, pictures[1]], axis=1)

    def get_state(self) -> dict[str, Any]:
        """Empty: nothing is random."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Nothing to take over: nothing is random."""


def payoff_tensor(payoff: Any) -> np.ndarray:
    """`payoff` as a float32 array of shape [U] * n.

    Raises:
        SettingError: it is ragged, not numeric, not finite, or its axes differ in length.
    """
    allowed = "allowed: numbers nested to the shape [n_actions] * n_agents, such as [[8, -12], [-12, 0]]."
    try:
        tensor = np.asarray(payoff)
    except ValueError:
        raise SettingError(f"payoff: {payoff!r} is ragged; {allowed}") from None
    if tensor.dtype.kind not in "iuf":
        raise SettingError(f"payoff: {payoff!r} holds other things than numbers; {allowed}")
    if tensor.ndim == 0 or tensor.size == 0 or len(set(tensor.shape)) > 1:
        raise SettingError(
            f"payoff: shape {tensor.shape} is not allowed; it needs one axis per agent, all of the same length "
            "(the number of actions); forbid actions of an agent by a low payoff."
        )
    with np.errstate(over="ignore"):
        tensor = tensor.astype(np.float32)
    if not np.isfinite(tensor).all():
        raise SettingError(f"payoff: {payoff!r} holds NaN, infinity or a number beyond float32; {allowed}")
    return tensor


def payoff_picture(
    payoff: np.ndarray, limits: tuple[float, float], marked: np.ndarray | None = None
) -> np.ndarray:
    """A two-agent payoff table as coloured cells.

    Args:
        payoff: [U, U], rows are agent 0's actions.
        limits: the payoffs shown in the darkest blue and the brightest yellow.
        marked: [2] int, the joint action to frame in red; None frames none.

    Returns:
        [32 U, 32 U, 3] uint8.
    """
    low, high = limits
    share = (payoff - low) / max(high - low, 1e-6)
    colours = _LOWEST + share[..., None] * (_HIGHEST - _LOWEST)
    picture = colours.astype(np.uint8).repeat(_CELL, axis=0).repeat(_CELL, axis=1)
    picture[::_CELL] = picture[:, ::_CELL] = 0
    if marked is not None:
        top, left = (int(action) * _CELL for action in marked)
        cell = picture[top : top + _CELL, left : left + _CELL]
        inside = cell[_MARK:-_MARK, _MARK:-_MARK].copy()
        cell[:] = _MARK_COLOUR
        cell[_MARK:-_MARK, _MARK:-_MARK] = inside
    return picture
