"""What is to be trained, as data: read from files, options and code, checked, and kept beside results.

    from rllib_remix.experiments import Experiment, check, load

    experiments = load("remix.yaml", num_samples=3)
    experiments = check(Experiment("mine", run="ReMIX", config={"env": "predator_prey"}, stop={"training_iteration": 10}))

Names are loaded when they are first touched: importing a module of the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rllib_remix.experiments.checking import check
    from rllib_remix.experiments.experiment import Checkpoints, Experiment
    from rllib_remix.experiments.loading import load
    from rllib_remix.experiments.search.schedulers import Scheduler
    from rllib_remix.experiments.search.searchers import Search

__all__ = ["Checkpoints", "Experiment", "Scheduler", "Search", "check", "load"]

_MODULES = {
    "Checkpoints": "experiment",
    "Experiment": "experiment",
    "Scheduler": "search.schedulers",
    "Search": "search.searchers",
    "check": "checking",
    "load": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
