"""Studies of our own that are no runs of Tune: each a module with TITLE, SOURCE, CLAIM, COST, `run` and `report`."""

from __future__ import annotations

import importlib
from typing import Any

OWN = {"random_games": "rllib_remix.studies.random_games.study"}


def own_study(name: str) -> Any | None:
    """The module of such a study; None if there is none of this name."""
    return importlib.import_module(OWN[name]) if name in OWN else None
