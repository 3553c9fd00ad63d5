"""Runs an ONNX model beside the network that it is of, before the file counts as written."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rllib_remix.envs.team_env import random_actions
from rllib_remix.errors import UserError
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.stepper import new_stepper
from rllib_remix.models.normalizer import LIMIT
from rllib_remix.onnx_export.graph import observation_dtype
from rllib_remix.onnx_export.runners import new_runner

STEPS = 1_000
TOLERANCE = 1e-5  # of all numbers that come out

_COPIES = 2  # of the team
_ENDS = 0.02  # how likely an episode of a copy ends at a step
_ROOM = 32  # numbers up to which rounding stays far within the tolerance; beyond, it grows with them
_SPREAD = LIMIT / 3  # standard deviations of observations, so that some reach the limits of normalised ones


class Checked(NamedTuple):
    """What was found.

    Attributes:
        steps: how many.
        runner: what ran the model, with its version.
        largest: the largest difference of a number that came out.
        choices, ties: actions that were compared, and how many of them differ, being equally good within the tolerance.
    """

    steps: int
    runner: str
    largest: float
    choices: int
    ties: int


def check_beside(network: RecurrentAgent, model: bytes, *, obs_dtype: str, steps: int = STEPS) -> Checked:
    """Runs a model beside what `TeamPolicy` steps, on random observations and masks.

    At every step some rows, another number of them each time, get what the network gets, its memory included: so
    rounding does not add up over an episode, and whatever is computed otherwise shows at once. Actions that are taken
    are random, so that all occur as previous ones.

    All numbers must agree within 1e-5. Float32 cannot keep that with large ones: utilities above 1 may be off by 1e-5 of
    the row's largest, and where the network's sums are above 32, all may be off in proportion.

    Args:
        network: the original, in float32.
        model: of `agent_model`, as it will be written.
        obs_dtype: NumPy's name of the dtype in which the team was shown observations.
        steps: how many.

    Raises:
        UserError: they differ by more than the tolerance, or in an action that is no tie: the one is worse than the other
            by more than twice the tolerance.
    """
    runner, game = new_runner(model), _RandomGame(network, obs_dtype)
    largest, choices, ties = 0.0, 0, 0
    for number in range(steps):
        seen, rows = game.next_step(), game.some_rows()
        said = runner.run({name: seen.shown[name][rows] for name in runner.inputs})
        found = _compare(said, seen, rows)
        right = (found.off <= found.allowed) & (found.lost <= 2 * found.allowed)
        if not right.all():
            off, allowed, lost, _ = (values[right.argmin()] for values in found)
            raise UserError(
                f"--format: the ONNX file, run by {runner.name}, does otherwise than the team at step {number} of {steps:,}: "
                f"numbers differ by {off:.1e}, allowed: {allowed:.1e}; its action is worse by {lost:.1e}. Nothing was "
                "written. This is a fault of rllib_remix or of that package."
            )
        largest, choices = max(largest, float(found.off.max())), choices + len(rows)
        ties += int(found.other.sum())
    return Checked(steps, runner.name, largest, choices, ties)


class _Compared(NamedTuple):
    """Of every row, [R]."""

    off: np.ndarray  # the largest difference of a number
    allowed: np.ndarray  # how large it may be
    lost: (
        np.ndarray
    )  # by how much the action is worse than the best available one; infinite if it is not available
    other: np.ndarray  # bool: the action is not the team's


def _compare(said: list[np.ndarray], seen: _Seen, rows: np.ndarray) -> _Compared:
    scores, action, hidden = said
    expected, after = seen.scores[rows], seen.hidden[rows]
    allowed = TOLERANCE * np.maximum(seen.largest / _ROOM, np.maximum(1, np.abs(expected).max(-1)))
    off = np.concatenate([np.abs(scores - expected), np.abs(hidden - after)], -1).max(-1)
    values = np.where(seen.shown["available_actions"][rows], expected, -np.inf)
    lost = values.max(-1) - np.take_along_axis(values, action[:, None], -1)[:, 0]
    return _Compared(off, allowed, lost, action != values.argmax(-1))


class _Seen(NamedTuple):
    """A step of all rows, [N·n, …]."""

    shown: dict[str, np.ndarray]  # every input that a model may have
    scores: np.ndarray  # what the network says then
    hidden: np.ndarray  # and what it remembers
    largest: float  # of the numbers that it summed


class _RandomGame:
    """Copies of a team that see and do what comes, as `TeamPolicy` would step them; their episodes end now and then."""

    def __init__(self, network: RecurrentAgent, obs_dtype: str):
        self._rng = np.random.default_rng(0)
        self._network, self._stepper = network, new_stepper(network, _COPIES)
        self._dtype = observation_dtype(network, obs_dtype)
        self._shape = (_COPIES, network.n_agents)
        self._previous = np.full(self._shape, -1)
        self._time = np.zeros(_COPIES, np.int64)

    def next_step(self) -> _Seen:
        """Ends some episodes, shows something, and takes actions at random."""
        self._end_some()
        network, hidden = self._network, self._stepper.hidden.numpy().copy()
        obs, available = self._observations(), self._masks()
        scores = self._stepper.step(obs).copy()
        shown = {
            "observation": obs,
            "available_actions": available,
            "hidden": hidden,
            "previous_action": self._previous.copy(),
            "agent": np.broadcast_to(np.arange(network.n_agents), self._shape),
            "time": np.broadcast_to(self._time[:, None], self._shape).copy(),
        }
        self._previous = random_actions(available, self._rng)
        self._stepper.remember(self._previous)
        self._time += 1
        rows = {name: values.reshape(-1, *values.shape[2:]) for name, values in shown.items()}
        after = self._stepper.hidden.numpy().reshape(-1, network.hidden_dim).copy()
        return _Seen(rows, scores.reshape(-1, network.n_actions), after, self._stepper.largest_sum)

    def some_rows(self) -> np.ndarray:
        """Indices of one row, or several, or all."""
        rows = self._rng.permutation(self._shape[0] * self._shape[1])
        return rows[: self._rng.integers(1, len(rows) + 1)]

    def _end_some(self) -> None:
        limit = self._network.episode_limit or np.inf
        over = (self._rng.random(_COPIES) < _ENDS) | (self._time > limit)
        self._stepper.forget(over)
        self._previous[over] = -1
        self._time[over] = 0

    def _observations(self) -> np.ndarray:
        shape = (*self._shape, self._network.obs_dim)
        if self._dtype == np.uint8:
            return self._rng.integers(256, size=shape, dtype=np.uint8)
        numbers = self._rng.normal(size=shape)
        if (normalizer := self._network.normalizer) is not None:
            deviation = np.where(normalizer.varies().numpy(), np.sqrt(normalizer.variance.numpy()), 1)
            numbers = normalizer.mean.numpy() + _SPREAD * deviation * numbers
        return numbers.astype(np.float32)

    def _masks(self) -> np.ndarray:
        masks = self._rng.random((*self._shape, self._network.n_actions)) < 0.6
        one = self._rng.integers(masks.shape[-1], size=self._shape)
        np.put_along_axis(masks, one[..., None], True, -1)
        return masks
