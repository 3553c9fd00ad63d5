"""The global state of a foreign environment: where it may be shown, and the array in which the team has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_order import COMMON
from rllib_remix.envs.foreign.agent_view import COMPACT_DTYPES, STATE, AgentView
from rllib_remix.envs.foreign.copies import Copies, name_of, short
from rllib_remix.envs.foreign.observed_state import STATE_ADVICE, ObservedState
from rllib_remix.envs.foreign.returned import LARGEST, of_reset
from rllib_remix.errors import SettingError

_ADVICE = f"Mend that, or {STATE_ADVICE}."


class NoStateShown(SettingError):
    """The environment shows no state at all: nothing is wrong with it."""


class TeamState:
    """What infos["__common__"] says, what the agents' Dict observations show, or `env.state()`, in this order.

    Args:
        copies: the first is reset once to measure its state.
        views: of the agents, in slot order.
        places: where the kind of environment can have its state, for the error.

    Attributes:
        array: [N, S], the current states.

    Raises:
        NoStateShown: the environment shows none.
        SettingError: what it shows is no array of numbers, or cannot be read.
    """

    def __init__(self, copies: Copies, views: Sequence[AgentView], places: str) -> None:
        self._copies = copies
        self._observed = ObservedState(copies.agents, views)
        example = self._measured(places)
        dtype = example.dtype if example.dtype in COMPACT_DTYPES else np.float32
        self.array = np.zeros((len(copies.envs), example.size), dtype)

    def _measured(self, places: str) -> np.ndarray:
        env, name = self._copies.envs[0], name_of(self._copies.envs[0])
        observations, infos = of_reset(env, env.reset())
        try:
            state = self._shown(0, observations, infos)
        except TeamEnvError as error:
            raise SettingError(f"team_adapter.state: {error}") from error
        except Exception as error:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as state() of {name} fails with "
                f"{type(error).__name__}: {error}. {_ADVICE}"
            ) from error
        if state is None:
            raise NoStateShown(
                f"team_adapter.state: 'environment' is not possible, as {name} has no {places}. {_ADVICE}"
            )
        try:
            example = np.asarray(state)
        except ValueError:
            example = np.asarray(None)
        if example.dtype.kind not in "biuf" or example.size == 0:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as the state of {name} is of type "
                f"{type(state).__name__} and not an array of numbers. {_ADVICE}"
            )
        return example

    def followed_by(self, more: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """An array for the states with `more` numbers behind each, and the part of these.

        Args:
            more: how many.
            dtype: theirs; where the states have another, all become float32.

        Returns:
            [N, S + more] and, a view of it, [N, more].
        """
        copies, size = self.array.shape
        common = dtype if dtype == self.array.dtype else np.dtype(np.float32)
        whole = np.zeros((copies, size + more), common)
        self.array = whole[:, :size]
        return whole, whole[:, size:]

    def _shown(self, copy: int, observations: dict, infos: dict) -> Any | None:
        """The global state now, None if the environment shows none."""
        common = infos.get(COMMON)
        if isinstance(common, dict) and STATE in common:
            return common[STATE]
        try:
            state = self._observed.read(observations, self._copies.ended[copy])
        except TeamEnvError as error:
            raise TeamEnvError(f"{self._copies.where(copy)}: {error}") from None
        return _own_state(self._copies.envs[copy]) if state is None else state

    def show(self, copy: int, observations: dict, infos: dict, *, terminated: bool) -> None:
        """Writes the state of a copy into the array; one that terminated need not show any.

        Raises:
            TeamEnvError: it is no array of finite numbers, or of another size than before, or asking for it fails.
        """
        state = self._shown_or_failed(copy, observations, infos, may_fail=terminated)
        if state is None and terminated:
            self.array[copy] = 0  # nothing follows: no value is ever computed from it
            return
        where = self._copies.where
        try:
            flat = np.asarray(() if state is None else state).ravel()
        except ValueError:
            flat = np.asarray([None])
        if flat.dtype.kind not in "biuf":
            raise TeamEnvError(f"{where(copy)}: the state is {short(state)}, which is no array of numbers.")
        if flat.size != (size := self.array.shape[1]):
            raise TeamEnvError(f"{where(copy)}: the state has {flat.size} numbers, expected {size}.")
        if self.array.dtype in COMPACT_DTYPES and flat.dtype != self.array.dtype:
            raise TeamEnvError(f"{where(copy)}: the state changed from {self.array.dtype} to {flat.dtype}.")
        if flat.dtype.kind == "f" and not (np.abs(flat) <= LARGEST).all():
            raise TeamEnvError(f"{where(copy)}: the state holds NaN or infinity.")
        self.array[copy] = flat

    def _shown_or_failed(self, copy: int, observations: dict, infos: dict, *, may_fail: bool) -> Any | None:
        """As `_shown`; of a game that is over, as when nobody is left, state() may fail."""
        try:
            return self._shown(copy, observations, infos)
        except TeamEnvError:
            raise
        except Exception as error:
            if may_fail:
                return None
            raise TeamEnvError(
                f"{self._copies.where(copy)}: asked for the state, it fails with {type(error).__name__}: {error}. {_ADVICE}"
            ) from error


def _own_state(env: Any) -> Any | None:
    """`env.state()`, None if there is none."""
    method = getattr(env, "state", None)
    try:
        return method() if callable(method) else None
    except NotImplementedError:
        return None
