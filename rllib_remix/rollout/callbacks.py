"""Fires the user's RLlib callbacks from the env runner, at no cost for those that nobody overrides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.callbacks.utils import make_callback
from ray.rllib.utils import force_list

_HOOKS = (
    "on_environment_created",
    "on_episode_created",
    "on_episode_start",
    "on_episode_step",
    "on_episode_end",
    "on_sample_end",
)


class RunnerCallbacks:
    """The callbacks of a config, and which of their hooks do anything."""

    def __init__(self, config: Any):
        self._objects = [cls() for cls in force_list(config.callbacks_class)]
        self._functions = {hook: list(force_list(getattr(config, f"callbacks_{hook}"))) for hook in _HOOKS}
        self._used = {
            hook
            for hook in _HOOKS
            if self._functions[hook]
            or any(getattr(type(o), hook) is not getattr(RLlibCallback, hook) for o in self._objects)
        }

    @property
    def listens_to_steps(self) -> bool:
        """Whether anybody wants to hear of every single step."""
        return "on_episode_step" in self._used

    def fire(self, hook: str, kwargs: Callable[[], dict[str, Any]]) -> None:
        """Calls the hook with `kwargs()`, which is evaluated only if somebody listens."""
        if hook in self._used:
            make_callback(hook, self._objects, self._functions[hook], kwargs=kwargs())
