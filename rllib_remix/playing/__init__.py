"""Episodes played with what was trained, without starting Ray: `evaluate` plays them and says how they went.

Names are loaded when they are first touched, so that importing a part of this package loads no other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rllib_remix.playing.animation import Animation
    from rllib_remix.playing.evaluating import evaluate

__all__ = ["Animation", "evaluate"]

_MODULES = {"Animation": "animation", "evaluate": "evaluating"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
