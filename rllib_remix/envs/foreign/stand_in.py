"""What stands for an environment of others that speaks otherwise than the adapter reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class StandIn:
    """Translates what `env` is told and returns; messages name `env`, and what is not translated is asked of it."""

    env: Any
    assumed: Sequence[str] = ()  # of the environment, a line each

    def __getattr__(self, name: str) -> Any:
        if name.startswith(
            "_"
        ):  # Its own, which are not there yet, and what the environment keeps to itself.
            raise AttributeError(name)
        return getattr(self.env, name)


def inside(env: Any) -> Any:
    """The environment that a person wrote, within stand-ins and wrappers."""
    while isinstance(env, StandIn):
        env = env.env
    innermost = None if isinstance(env, type) else getattr(env, "unwrapped", None)
    return env if innermost is None else innermost
