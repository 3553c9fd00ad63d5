"""The state of a team that its agents show in their Dict observations."""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence
from typing import Any

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_view import COMPACT_DTYPES, STATE, AgentView, read_flat
from rllib_remix.errors import SettingError

STATE_ADVICE = 'concatenate what the agents see with team_adapter={"state": "observations"}'


class ObservedState:
    """Reads `{"obs": …, "state": …}` observations: the state is one for the team, so all agents show the same.

    RLlib's own QMIX took that of the first agent, whatever the others showed.

    Raises:
        SettingError: agents have unlike spaces under "state".
    """

    def __init__(self, agents: Sequence[Hashable], views: Sequence[AgentView]) -> None:
        pairs = zip(agents, views, strict=True)
        self._spaces = [(agent, view.state_space) for agent, view in pairs if view.state_space is not None]
        for agent, space in self._spaces:
            first, of_first = self._spaces[0]
            if space != of_first:
                raise SettingError(
                    f"team_adapter.state: the space under {STATE!r} of agent {agent!r} is {space}, that of agent "
                    f"{first!r} is {of_first}; a team has one state. Mend that, or {STATE_ADVICE}."
                )

    def read(self, observations: dict[Hashable, Any], gone: Container[Hashable]) -> np.ndarray | None:
        """The flat state, None if nobody shows one; agents that are `gone` count only if no other shows it.

        Raises:
            TeamEnvError: it does not fit its space, or two agents show different ones.
        """
        shown = [
            (agent, observation[STATE])
            for agent, _ in self._spaces
            if isinstance(observation := observations.get(agent), dict) and STATE in observation
        ]
        if not shown:
            return None
        here = [(agent, state) for agent, state in shown if agent not in gone] or shown[:1]
        first, state = here[0]
        for agent, other in here[1:]:
            if other is not state and not _are_equal(other, state):
                raise TeamEnvError(
                    f"the {STATE!r} that agents {first!r} and {agent!r} observe differs; a team has one state. Show all "
                    f"the same, or {STATE_ADVICE}."
                )
        space = self._spaces[0][1]
        try:
            return read_flat(space, state, _dtype_of(space), "state")
        except TeamEnvError:
            raise
        except (TypeError, ValueError) as error:
            raise TeamEnvError(f"the state cannot be read as its space {space} ({error}).") from error


def _dtype_of(space: Any) -> np.dtype:
    dtype = np.dtype(space.dtype) if space.shape and space.dtype is not None else np.dtype(np.float32)
    return dtype if dtype in COMPACT_DTYPES else np.dtype(np.float32)


def _are_equal(one: Any, other: Any) -> bool:
    """Whether two values are the same; quick for arrays, as it is asked at every step."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.dtype == other.dtype:
        same = one.tobytes() == other.tobytes() or bool(np.array_equal(one, other))
        return same and one.shape == other.shape
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_are_equal(one[key], other[key]) for key in one)
    try:
        return np.array_equal(np.asarray(one), np.asarray(other))
    except (TypeError, ValueError):
        return False
