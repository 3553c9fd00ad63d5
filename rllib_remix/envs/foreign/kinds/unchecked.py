"""PettingZoo's turn-based environments without the wrappers that only check their user, who is this package."""

from __future__ import annotations

from typing import Any, TypeVar

from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import aec_to_parallel_wrapper, turn_based_aec_to_parallel_wrapper
from pettingzoo.utils.wrappers import AssertOutOfBoundsWrapper, OrderEnforcingWrapper

# They look up every attribute of the game through themselves, a third of what a step of a small game takes. Only these
# classes themselves: what is derived from them may do more.
_CHECKS = (OrderEnforcingWrapper, AssertOutOfBoundsWrapper)
_CONVERTERS = (aec_to_parallel_wrapper, turn_based_aec_to_parallel_wrapper)

Env = TypeVar("Env", bound="ParallelEnv[Any, Any, Any] | AECEnv[Any, Any, Any]")


def without_checks(env: Env) -> Env:
    """The same environment, which no longer checks that it is reset first and that actions are in their spaces.

    The adapter sees to both itself. A parallel form is changed in place.
    """
    if type(env) in _CONVERTERS:
        converter: Any = env
        converter.aec_env = without_checks(converter.aec_env)
        return env
    game: Any = env
    while type(game) in _CHECKS:
        game = game.env
    return game
