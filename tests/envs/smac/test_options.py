"""SMAC's settings: names and defaults as in SMAC, values out of place refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.envs.smac.options import SHOOT_RANGE, SIGHT_RANGE, SmacOptions
from rllib_remix.errors import SettingError

# SMAC's own defaults of the settings that decide what agents see, do and earn.
SMAC_DEFAULTS = {
    "map_name": "8m",
    "step_mul": 8,
    "move_amount": 2,
    "continuing_episode": False,
    "obs_all_health": True,
    "obs_own_health": True,
    "obs_last_action": False,
    "obs_pathing_grid": False,
    "obs_terrain_height": False,
    "obs_instead_of_state": False,
    "obs_timestep_number": False,
    "state_last_action": True,
    "state_timestep_number": False,
    "reward_sparse": False,
    "reward_only_positive": True,
    "reward_death_value": 10,
    "reward_win": 200,
    "reward_defeat": 0,
    "reward_negative_scale": 0.5,
    "reward_scale": True,
    "reward_scale_rate": 20,
    "heuristic_ai": False,
    "heuristic_rest": False,
}
FLAGS = [name for name, value in SMAC_DEFAULTS.items() if isinstance(value, bool)]


def test_defaults_are_those_of_smac_but_timeouts_are_truncated():
    options = vars(SmacOptions())
    assert options == SMAC_DEFAULTS | {"continuing_episode": True, "reward_enemy_recovery": True}


def test_every_unit_shoots_at_6_and_sees_to_9_cells():
    assert (SHOOT_RANGE, SIGHT_RANGE) == (6.0, 9.0)


@pytest.mark.parametrize("name", [*FLAGS, "reward_enemy_recovery"])
@pytest.mark.parametrize("value", [0, 1, "true", None, 1.0])
def test_a_flag_is_true_or_false_and_nothing_else(name, value):
    with pytest.raises(
        SettingError, match=rf"smac\.{name}: {value!r} is not allowed; it must be true or false"
    ):
        SmacOptions(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step_mul", 0),
        ("step_mul", 1001),
        ("step_mul", 2.5),
        ("step_mul", True),
        ("step_mul", "8"),
        ("move_amount", 0),
        ("move_amount", 33),
        ("move_amount", float("nan")),
        ("reward_death_value", -1),
        ("reward_win", -1),
        ("reward_win", float("inf")),
        ("reward_defeat", 1),
        ("reward_negative_scale", -0.5),
        ("reward_scale_rate", 0),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name_and_value(name, value):
    settings = {name: value}
    if name == "reward_negative_scale":
        settings["reward_only_positive"] = False
    with pytest.raises(SettingError, match=rf"smac\.{name}: .*{value!r}.*(must be|allowed)"):
        SmacOptions(**settings)


@pytest.mark.parametrize("value", [1, 1000])
def test_the_ends_of_a_range_are_allowed(value):
    assert SmacOptions(step_mul=value).step_mul == value


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-1e6, 0))
def test_rewards_may_be_any_number_of_the_right_sign(death_value, win, defeat):
    options = SmacOptions(reward_death_value=death_value, reward_win=win, reward_defeat=defeat)
    assert (options.reward_death_value, options.reward_win, options.reward_defeat) == (
        death_value,
        win,
        defeat,
    )


def test_hiding_an_agents_own_health_but_showing_all_health_is_refused():
    with pytest.raises(SettingError, match=r"smac\.obs_own_health: .*set obs_all_health to false as well"):
        SmacOptions(obs_own_health=False)
    assert not SmacOptions(obs_own_health=False, obs_all_health=False).obs_own_health


def test_the_time_in_a_state_that_is_made_of_observations_is_refused():
    with pytest.raises(SettingError, match=r"smac\.state_timestep_number: .*set obs_timestep_number"):
        SmacOptions(obs_instead_of_state=True, state_timestep_number=True)


def test_a_scale_of_what_allies_suffer_is_refused_where_they_suffer_nothing():
    with pytest.raises(SettingError, match=r"smac\.reward_negative_scale: 1\.0 has no effect"):
        SmacOptions(reward_negative_scale=1.0)
    options = SmacOptions(reward_negative_scale=1.0, reward_only_positive=False)
    assert options.reward_negative_scale == 1.0


def test_an_unknown_map_is_refused():
    with pytest.raises(SettingError, match=r"smac\.map_name: unknown name '2s3zz'; did you mean '2s3z'"):
        SmacOptions(map_name="2s3zz")


def test_settings_cannot_change_afterwards():
    with pytest.raises(AttributeError):
        SmacOptions().reward_win = 1.0
