"""Where classes are now that pickles of earlier versions name: checkpoints, and the plans, records and errors of runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

# The module of then, and that of now.
MOVED = {
    "rllib_remix.algorithms.nonfinite": "rllib_remix.team.nonfinite",
    "rllib_remix.algorithms.saved": "rllib_remix.team.saved",
    "rllib_remix.checkpoint_files": "rllib_remix.checkpoints.reading",
    "rllib_remix.cli.experiments": "rllib_remix.experiments.experiment",
    "rllib_remix.cli.interrupt": "rllib_remix.running.interrupt",
    "rllib_remix.cli.loggers": "rllib_remix.experiments.loggers",
    "rllib_remix.cli.on_workers": "rllib_remix.experiments.old.on_workers",
    "rllib_remix.cli.plan": "rllib_remix.experiments.plan",
    "rllib_remix.cli.samplers": "rllib_remix.experiments.search.spaces",
    "rllib_remix.cli.schedulers": "rllib_remix.experiments.search.schedulers",
    "rllib_remix.cli.searching": "rllib_remix.experiments.search.searchers",
    "rllib_remix.learner": "rllib_remix.value_based.learner",
    "rllib_remix.rl_module": "rllib_remix.value_based.rl_module",
    # In what Numba has kept of compiled code.
    "rllib_remix.envs.smac_sim.world": "rllib_remix.envs.smac_sim.battles.world",
    "rllib_remix.tuning": "rllib_remix.running",
    "rllib_remix.tuning.storage": "rllib_remix.checkpoints.storage",
}

# Classes that did not keep their names, by their modules of then.
RENAMED = {
    ("rllib_remix.learner", "TeamLearner"): "ValueLearner",
    ("rllib_remix.rl_module", "TeamRLModule"): "ValueRLModule",
}


class _Finder(MetaPathFinder, Loader):
    """Answers imports of modules that are gone; the names within are loaded from the new ones when they are asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in MOVED:
            return None
        return spec_from_loader(
            fullname, self, is_package=any(name.startswith(f"{fullname}.") for name in MOVED)
        )

    def exec_module(self, module: ModuleType) -> None:
        def names_of_now(name: str) -> Any:
            from importlib import import_module

            return getattr(import_module(MOVED[module.__name__]), RENAMED.get((module.__name__, name), name))

        module.__getattr__ = names_of_now  # type: ignore[method-assign]


def install() -> None:
    """Lets pickles of earlier versions find their classes; a second call changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())  # before whatever finds the files of an earlier installation
