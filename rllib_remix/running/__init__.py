"""Runs of Tune: `run` begins one, `resume` goes on with one, and both say what came of its trials.

Names are loaded when they are first touched, so that importing a part of this package loads no other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rllib_remix.running.cluster import Cluster
    from rllib_remix.running.outcomes import Outcome, Outcomes
    from rllib_remix.running.starting import resume, run

__all__ = ["Cluster", "Outcome", "Outcomes", "resume", "run"]

_MODULES = {
    "Cluster": "cluster",
    "Outcome": "outcomes",
    "Outcomes": "outcomes",
    "resume": "starting",
    "run": "starting",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
