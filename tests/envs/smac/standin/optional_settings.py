"""Settings that tests compare client and simulator with, each on a map where it makes a difference."""

from __future__ import annotations

from typing import Any

import pytest

_CASES: list[tuple[str, dict[str, Any]]] = [
    ("2s3z", {"obs_last_action": True}),
    ("MMM", {"obs_last_action": True}),
    ("2c_vs_64zg", {"obs_pathing_grid": True}),
    ("corridor", {"obs_pathing_grid": True}),
    ("2c_vs_64zg", {"obs_terrain_height": True}),
    ("2s3z", {"obs_pathing_grid": True, "obs_terrain_height": True, "obs_last_action": True}),
    ("2s3z", {"obs_instead_of_state": True}),
    ("3m", {"obs_timestep_number": True}),
    ("2s3z", {"obs_timestep_number": True, "obs_instead_of_state": True}),
    ("3m", {"state_timestep_number": True}),
    ("3m", {"state_last_action": False}),
    ("MMM2", {"state_last_action": False, "state_timestep_number": True}),
    ("2s3z", {"obs_all_health": False}),
    ("1c3s5z", {"obs_all_health": False, "obs_own_health": False}),
    ("3m", {"reward_only_positive": False}),
    ("2s3z", {"reward_only_positive": False, "reward_negative_scale": 0.25}),
    ("bane_vs_bane", {"reward_only_positive": False}),
    ("3m", {"reward_sparse": True}),
    ("3m", {"reward_sparse": True, "reward_scale": False}),
    ("2s3z", {"reward_scale": False}),
    ("3m", {"reward_death_value": 5, "reward_win": 50, "reward_defeat": -30, "reward_scale_rate": 7}),
    ("3m", {"continuing_episode": False}),
    ("3m", {"step_mul": 3}),
    ("2s_vs_1sc", {"move_amount": 1}),
    ("corridor", {"move_amount": 5, "obs_pathing_grid": True, "obs_terrain_height": True}),
]
OPTIONAL_SETTINGS = [
    pytest.param(map_name, settings, id=f"{map_name}-{'-'.join(settings)}") for map_name, settings in _CASES
]
