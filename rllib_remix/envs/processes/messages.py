"""What the process of an env runner and those of its environments say to each other; numbers are in shared memory."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import numpy as np

from rllib_remix.envs.agent_layout import Layout
from rllib_remix.envs.team_env import TeamSpec


class Opening(NamedTuple):
    """The first message to a process: what it is to play."""

    sys_path: list[str]
    python_path: (
        str | None
    )  # PYTHONPATH as the user set it; what the environment starts must not inherit ours
    make_env: bytes  # by cloudpickle: copy -> environment
    first_copy: int
    num_envs: int
    options: dict[str, Any]  # of the adapter


class Team(NamedTuple):
    """The first answer: what has been built."""

    spec: TeamSpec
    views: bytes  # the pickled AgentViews, by which teams are compared
    assumed: list[str]
    layout: Layout | None


class Shown(NamedTuple):
    """A reset or a step is done, and the arrays are written."""

    info: dict[str, np.ndarray]  # name -> [copies of the process]


class Failure(NamedTuple):
    """A request raised an exception."""

    error: bytes | None  # pickled, None if it cannot be
    described: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException, traceback: str) -> Failure:
        try:
            pickled = pickle.dumps(error)
            pickle.loads(pickled)
        except Exception:
            pickled = None
        return cls(pickled, f"{type(error).__name__}: {error}", traceback)

    def raised(self, copies: str) -> Exception:
        """The exception as it was, caused by what tells where it happened."""
        error: Any = None
        if self.error is not None:
            try:
                error = pickle.loads(self.error)
            except Exception:  # Its class is known there alone.
                error = None
        if not isinstance(error, Exception):
            error = RuntimeError(self.described)
        error.__cause__ = InAnotherProcess(copies, self.traceback)
        return error


class InAnotherProcess(Exception):
    """Shows the traceback of an exception that another process raised."""

    def __init__(self, copies: str, traceback: str) -> None:
        super().__init__(f"in the process of {copies}:\n\n{traceback}")
