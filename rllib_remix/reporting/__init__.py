"""Pictures and numbers of finished runs: `plot` draws learning curves, `plot_weights` heat maps of loss weights.

Names are loaded when they are first touched, so that importing a part of this package loads no other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rllib_remix.reporting.plotting import Picture, plot, plot_weights

__all__ = ["Picture", "plot", "plot_weights"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.plotting"), name)
