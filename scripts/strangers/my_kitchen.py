"""Overcooked, which needs a layout, and a name that NumPy 2 no longer has."""

from typing import Any

import numpy as np

if not hasattr(np, "Inf"):
    np.Inf = np.inf  # type: ignore[attr-defined]

from overcooked_ai_py.mdp.overcooked_env import OvercookedEnv
from overcooked_ai_py.mdp.overcooked_mdp import OvercookedGridworld


def make(layout: str = "cramped_room", horizon: int = 400) -> Any:
    env = OvercookedEnv.from_mdp(OvercookedGridworld.from_layout_name(layout), horizon=horizon, info_level=0)
    env._mp = object()  # A planner, which is computed and kept on disk, is for shaping by potentials alone.
    return env
