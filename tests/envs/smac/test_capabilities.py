"""SMACv2's settings: sizes as its own functions say, and everything that it would not understand refused in words."""

import copy

import pytest

from rllib_remix.envs.smac.capabilities import SCENARIOS, scenario, with_scenario
from rllib_remix.envs.smac.layout import smac_layout
from rllib_remix.envs.smac.options import SmacOptions, Smacv2Options
from rllib_remix.envs.smac.settings import Smacv2Settings
from rllib_remix.errors import SettingError

# Of SMACv2's get_total_actions, get_obs_size and get_state_size: as published; with conic_fov, obs_last_action and no
# obs_own_pos; the latter two with `attack` and `health` in capability_config.
SIZES = {
    "terran_5_vs_5": (11, 82, 120, 23, 174, 190, 92, 130),
    "terran_10_vs_10": (16, 162, 290, 28, 414, 430, 182, 310),
    "terran_10_vs_11": (17, 170, 306, 29, 431, 446, 190, 326),
    "terran_20_vs_20": (26, 322, 780, 38, 1044, 1060, 362, 820),
    "terran_20_vs_23": (29, 346, 858, 41, 1125, 1138, 386, 898),
    "protoss_5_vs_5": (11, 92, 130, 23, 184, 200, 102, 140),
    "protoss_10_vs_10": (16, 182, 310, 28, 434, 450, 202, 330),
    "protoss_10_vs_11": (17, 191, 327, 29, 452, 467, 211, 347),
    "protoss_20_vs_20": (26, 362, 820, 38, 1084, 1100, 402, 860),
    "protoss_20_vs_23": (29, 389, 901, 41, 1168, 1181, 429, 941),
    "zerg_5_vs_5": (11, 82, 120, 23, 174, 190, 92, 130),
    "zerg_10_vs_10": (16, 162, 290, 28, 414, 430, 182, 310),
    "zerg_10_vs_11": (17, 170, 306, 29, 431, 446, 190, 326),
    "zerg_20_vs_20": (26, 322, 780, 38, 1044, 1060, 362, 820),
    "zerg_20_vs_23": (29, 346, 858, 41, 1125, 1138, 386, 898),
}
DRAWN_NUMBER = {"dist_type": "per_agent_uniform", "lower_bound": [0.5], "upper_bound": [1.0], "observe": True}


def layout(**settings):
    said = smac_layout(Smacv2Options(**with_scenario(settings)))
    return said.n_actions, said.obs_dim, said.state_dim


def test_the_scenarios_are_those_of_smacv2():
    assert SCENARIOS.keys() == SIZES.keys()


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_of_a_scenario_are_those_of_smacv2(name):
    sizes = SIZES[name]
    assert layout(map_name=name) == sizes[:3]
    assert layout(map_name=name, conic_fov=True, obs_last_action=True, obs_own_pos=False) == sizes[3:6]
    more = scenario(*SCENARIOS[name])
    more["capability_config"] |= {"attack": DRAWN_NUMBER, "health": {**DRAWN_NUMBER, "observe": False}}
    assert layout(**more)[1:] == sizes[6:]


def test_medivacs_of_a_larger_team_have_an_action_for_every_ally():
    assert layout(**scenario("terran", 6, 4))[0] == 6 + 6
    assert layout(**scenario("zerg", 6, 4))[0] == 6 + 4


def test_a_scenarios_settings_can_be_set_otherwise():
    options = Smacv2Options(**with_scenario({"map_name": "zerg_10_vs_11", "use_unit_ranges": False}))
    assert (options.map_name, options.use_unit_ranges, options.obs_own_pos) == ("10gen_zerg", False, True)


def test_numbers_that_a_part_repeats_are_taken_if_they_are_the_same():
    settings = scenario("terran", 5, 6)
    settings["capability_config"]["start_positions"]["n_enemies"] = 6
    assert Smacv2Options(**settings).capabilities.n_enemies == 6


def refused(settings, kind=Smacv2Options):
    with pytest.raises(SettingError) as caught:
        kind(**with_scenario(settings))
    return str(caught.value)


def changed(path, value, race="terran"):
    """A scenario's settings with one entry of its capability_config changed, or (value `...`) taken out."""
    settings = scenario(race, 5, 5)
    part, *others = path.split(".")
    place = settings["capability_config"]
    for name in others:
        place, part = place[part], name
    if value is ...:
        del place[part]
    else:
        place[part] = value
    return settings


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("n_enemies", ..., "capability_config: n_enemies is missing; 10gen_terran as SMACv2 plays it: {"),
        ("team_gen", ..., "capability_config: team_gen is missing"),
        ("n_units", 0, "capability_config.n_units: 0 is not allowed; it must be an integer in [1, 100]"),
        ("n_units", "5", "capability_config.n_units: '5' is of type str"),
        ("start_position", {}, "unknown key 'start_position'; did you mean 'start_positions'?"),
        ("team_gen", [], "capability_config.team_gen: [] is not allowed; it must be a mapping"),
        ("team_gen.dist_type", "weighted_team", "did you mean 'weighted_teams'?"),
        ("team_gen.dist_type", "all_teams", "team_gen.dist_type: 'all_teams' is not known here"),
        ("team_gen.n_units", 6, "team_gen.n_units: 6 is not n_units of the whole, 5, which counts"),
        ("team_gen.weight", 1, "unknown key 'weight'; did you mean 'weights'?"),
        ("team_gen.unit_types", ["marine", "marauder", "zealot"], "unknown name 'zealot'"),
        ("team_gen.unit_types", ["marine", "marine", "medivac"], "name each type once"),
        ("team_gen.weights", [0.5, 0.5], "it must be 3 numbers, one for each type"),
        ("team_gen.weights", [0.5, 0.5, 0.5], "add up to 1.5; they must add up to 1"),
        ("team_gen.weights", [1.5, -0.5, 0], "weights: 1.5 is not allowed"),
        ("team_gen.observe", ..., "team_gen: observe is missing; needed: unit_types, weights, observe"),
        ("team_gen.exception_unit_types", ["marine", "marauder", "medivac"], "so that no team can be drawn"),
        ("team_gen.exception_unit_types", ["medic"], "did you mean 'medivac'?"),
        ("start_positions.dist_type", "surround", "did you mean 'surrounded'?"),
        ("start_positions.dist_type", "surrounded", "unknown key 'p'"),
        ("start_positions.p", 2, "start_positions.p: 2 is not allowed; it must be a number in [0, 1]"),
        ("start_positions.p", ..., "start_positions: p is missing; needed: p, map_x, map_y"),
        ("start_positions.map_x", 64, "map_x: 64 is not allowed; it must be a number in [4, 32]"),
        ("attack", {**DRAWN_NUMBER, "lower_bound": [0.9], "upper_bound": [0.2]}, "lower_bound 0.9 is above"),
        ("enemy_mask", {"dist_type": "mask", "mask_probability": 3}, "mask_probability: 3 is not allowed"),
    ],
)
def test_a_wrong_capability_config_is_told(path, value, told):
    assert told in refused(changed(path, value))


def test_smacv2s_settings_are_refused_on_smacs_maps():
    assert "smac.conic_fov: True has no effect on map '3m'" in refused({"map_name": "3m", "conic_fov": True})
    config = scenario("terran", 5, 5)["capability_config"]
    assert "10gen_terran" in refused({"map_name": "3m", "capability_config": config})


def test_smacv2s_maps_need_a_capability_config():
    assert "n_units is missing; 10gen_zerg as SMACv2 plays it" in refused({"map_name": "10gen_zerg"})


@pytest.mark.parametrize("name", ["10gen_terran", "terran_5_vs_5"])
def test_smac_says_who_plays_smacv2s_maps(name):
    told = refused({"map_name": name}, lambda **_: SmacOptions(map_name=name))
    assert f"{name!r} is one of SMACv2's, which the environments 'smacv2' and 'smac_sim' play" in told


def test_settings_without_effect_are_refused():
    base = {"map_name": "terran_5_vs_5"}
    assert "no effect without conic_fov" in refused({**base, "num_fov_actions": 6})
    told = refused({**base, "use_unit_ranges": False, "min_attack_range": 3.0})
    assert "no effect without use_unit_ranges" in told


def test_a_scenario_has_a_capability_config_of_its_own():
    config = scenario("terran", 5, 5)["capability_config"]
    told = refused({"map_name": "terran_5_vs_5", "capability_config": config})
    assert "set map_name to '10gen_terran'" in told


def test_a_scenario_that_is_not_there_is_refused_with_the_nearest():
    assert "did you mean 'terran_5_vs_5'?" in refused({"map_name": "terran_5vs_5"})


# For SMACv2's client


def test_smacv2s_client_gets_its_own_arguments_and_a_config_that_it_may_change():
    settings = Smacv2Settings(**scenario("protoss", 10, 11), prob_obs_enemy=0.0, action_mask=False)
    arguments = settings.client_arguments(5)
    assert (arguments["seed"], arguments["prob_obs_enemy"], arguments["kill_unit_step_mul"]) == (5, 0.0, 2)
    assert arguments["continuing_episode"] is True
    assert "reward_enemy_recovery" not in arguments
    before = copy.deepcopy(settings.capability_config)
    arguments["capability_config"]["team_gen"]["env_key"] = "team_gen"
    assert settings.capability_config == before


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"obs_instead_of_state": True}, "SMACv2's client, which cannot start so"),
        ({"kill_unit_step_mul": 3}, "no effect without health"),
        ({"reward_enemy_recovery": False}, "not possible with StarCraft II"),
        ({"prob_obs_enemy": 2}, "prob_obs_enemy: 2 is not allowed"),
    ],
)
def test_what_smacv2s_client_cannot_do_is_refused(more, told):
    assert told in refused({"map_name": "zerg_5_vs_5", **more}, Smacv2Settings)


def test_deaths_by_health_need_time_within_a_step():
    settings = changed("health", DRAWN_NUMBER)
    assert Smacv2Settings(**settings, kill_unit_step_mul=7).client_arguments(0)["kill_unit_step_mul"] == 7
    assert "it must be below step_mul, 8" in refused({**settings, "kill_unit_step_mul": 8}, Smacv2Settings)
    told = refused({**settings, "reward_only_positive": False}, Smacv2Settings)
    assert "not possible with health" in told
