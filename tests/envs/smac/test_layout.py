"""The maps and the sizes of SMAC's vectors against the figures of SMAC's own functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.envs.smac.layout import smac_layout
from rllib_remix.envs.smac.maps import HEALTH, MAPS, smac_map
from rllib_remix.envs.smac.options import SmacOptions
from tests.envs.smac.size_table import ALL_OBS_FLAGS, SIZES


def layout(name, **settings):
    return smac_layout(SmacOptions(map_name=name, **settings))


def test_there_are_the_23_maps_of_smac():
    assert len(MAPS) == 23
    assert set(MAPS) == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_of_a_map_are_those_of_smac(name):
    said, game, sizes = layout(name), smac_map(name), SIZES[name]
    assert (said.n_agents, said.n_enemies, said.n_actions) == sizes[:3]
    assert (game.n_agents, game.n_enemies, game.n_actions, game.episode_limit) == sizes[:4]
    assert (said.obs_dim, said.state_dim, said.max_reward) == sizes[4:7]


@pytest.mark.parametrize("name", SIZES)
def test_settings_change_the_sizes_as_in_smac(name):
    sizes = SIZES[name]
    assert layout(name, obs_last_action=True).obs_dim == sizes.obs_dim_last_action
    assert layout(name, state_last_action=False).state_dim == sizes.state_dim_no_last_action
    assert layout(name, obs_instead_of_state=True).state_dim == sizes.state_dim_obs_instead
    assert layout(name, **ALL_OBS_FLAGS).obs_dim == sizes.obs_dim_all_flags


@given(
    name=st.sampled_from(sorted(MAPS)),
    flags=st.fixed_dictionaries({flag: st.booleans() for flag in ALL_OBS_FLAGS}),
    health=st.sampled_from([(True, True), (False, True), (False, False)]),
    state_flags=st.fixed_dictionaries(
        {flag: st.booleans() for flag in ("state_last_action", "state_timestep_number")}
    ),
)
def test_every_setting_adds_its_own_entries_and_no_others(name, flags, health, state_flags):
    obs_all_health, obs_own_health = health
    said = layout(name, **flags, **state_flags, obs_all_health=obs_all_health, obs_own_health=obs_own_health)
    sizes, game = SIZES[name], smac_map(name)
    ally_health, enemy_health = 1 + (game.races[0] == "P"), 1 + (game.races[1] == "P")
    others = sizes.n_agents - 1
    obs_dim = sizes.obs_dim
    obs_dim += others * sizes.n_actions * flags["obs_last_action"]
    obs_dim += 8 * flags["obs_pathing_grid"] + 9 * flags["obs_terrain_height"] + flags["obs_timestep_number"]
    if not obs_all_health:
        obs_dim -= sizes.n_enemies * enemy_health + others * ally_health
    if not obs_own_health:
        obs_dim -= ally_health
    assert said.obs_dim == obs_dim
    last_actions = sizes.n_agents * sizes.n_actions * state_flags["state_last_action"]
    assert said.state_dim == (
        sizes.state_dim_no_last_action + last_actions + state_flags["state_timestep_number"]
    )


def test_the_rows_of_2s3z_are_as_long_as_in_smac():
    # 4 moves; enemies: can attack, distance, dx, dy, health, shield, 2 types; allies the same; own: health, shield,
    # 2 types. 4 + 5·8 + 4·8 + 4 = 80. State: 5·(health, cooldown, x, y, shield, 2 types) + 5·(the same but the
    # cooldown) + 5·11 last actions = 35 + 30 + 55 = 120.
    said = layout("2s3z")
    assert (said.move_feats, said.enemy_feats, said.ally_feats, said.own_feats) == (4, 8, 8, 4)
    assert (said.ally_state_feats, said.enemy_state_feats) == (7, 6)
    assert (said.obs_dim, said.state_dim) == (80, 120)


def test_the_greatest_reward_counts_kills_the_win_and_all_health():
    # 3 marines of 45: 3·10 + 200 + 135 = 365. With 5 per kill and 100 for the win: 15 + 100 + 135 = 250.
    assert layout("3m").max_reward == 365
    assert layout("3m", reward_death_value=5, reward_win=100).max_reward == 250


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("2s3z", "stalker stalker zealot zealot zealot"),
        ("1c3s5z", "colossus stalker stalker stalker zealot zealot zealot zealot zealot"),
        ("MMM2", "marauder marauder" + 7 * " marine" + " medivac"),
        ("bane_vs_bane", 4 * "baneling " + 20 * "zergling "),
    ],
)
def test_agents_are_numbered_by_type_as_in_smac(name, ids):
    assert smac_map(name).ally_types == tuple(ids.split())


def test_enemies_are_numbered_in_the_order_in_which_the_map_creates_them():
    assert smac_map("MMM2").enemy_types == tuple((8 * "marine " + 3 * "marauder " + "medivac").split())
    assert smac_map("3s5z_vs_3s6z").enemy_types == ("stalker",) * 3 + ("zealot",) * 6


def test_stalkers_and_zealots_change_columns_between_allies_and_enemies():
    allies, enemies = smac_map("2s3z").type_columns
    assert (allies, enemies) == (("stalker", "zealot"), ("zealot", "stalker"))


def test_only_armies_of_several_types_have_type_columns():
    several = {name for name in MAPS if smac_map(name).unit_type_bits}
    assert several == {"MMM", "MMM2", "2s3z", "3s5z", "3s5z_vs_3s6z", "1c3s5z", "bane_vs_bane"}
    assert smac_map("1c3s5z").unit_type_bits == smac_map("MMM").unit_type_bits == 3
    assert smac_map("2s3z").unit_type_bits == smac_map("bane_vs_bane").unit_type_bits == 2


def test_medivacs_heal_only_on_maps_of_their_type():
    assert {name for name in MAPS if smac_map(name).heals} == {"MMM", "MMM2"}


def test_healers_have_an_action_for_every_ally():
    # The action 6 + k heals ally k, and there are as many as enemies.
    assert all(game.n_enemies >= game.n_agents for game in MAPS.values() if game.heals)


def test_health_and_shields_are_those_of_the_stock_units():
    protoss = {name: HEALTH[name] for name in ("stalker", "zealot", "colossus")}
    assert protoss == {"stalker": (80, 80), "zealot": (100, 50), "colossus": (200, 150)}
    assert {name for name, (_, shield) in HEALTH.items() if shield} == set(protoss)


def test_an_unknown_map_is_refused_with_all_names_and_the_nearest():
    with pytest.raises(ValueError, match="did you mean '3s_vs_5z'") as error:
        smac_map("3s_v_5z")
    assert all(name in str(error.value).partition("Allowed:")[2] for name in SIZES)
    assert "'3s_v_5z'" in str(error.value)


@pytest.mark.parametrize("name", [None, 3, ["3m"], ""])
def test_a_map_name_that_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match=r"smac\.map_name: unknown name"):
        smac_map(name)
