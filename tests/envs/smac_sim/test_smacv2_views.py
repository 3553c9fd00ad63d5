"""What SMACv2 changes in what agents see, may do and earn: numbers worked out by hand."""

import numpy as np
import pytest

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.smac.capabilities import scenario
from rllib_remix.envs.smac_sim.heuristics import nearest_actions, weakest_actions
from rllib_remix.envs.smac_sim.observing import write_avail, write_obs, write_state
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.errors import SettingError

MOVE, ENEMY = 4, 8  # entries of an observation's first part, and of a row of a Terran or Zerg enemy
NORTH = 6 + 3  # of 12 directions: 0° is east, 90° the fourth
WEST = 6 + 6


def battle(names, places, *, enemy=None, race="terran", observe=True, **settings):
    """An environment in which every ally is of the given kind and stands at the given place.

    `names` are in the order of agents' ids; `enemy` is where the only enemy stands.
    """
    made = scenario(race, len(names), 1)
    made["capability_config"]["team_gen"]["observe"] = observe
    env = SmacSim(1, **{**made, **settings})
    env.reset(0)
    units = env.battle.units[0]
    for number, name in enumerate(names):
        units[number]["kind"] = env.battle.kind_names.index(name)
    units[-1]["kind"] = 3 + env.battle.kind_names.index(names[0])
    for unit, place in zip(units, [*places, enemy or (31, 31)], strict=True):
        kind = env.battle.kinds[unit["kind"]]
        unit["x"], unit["y"] = place
        unit["health"], unit["shield"], unit["energy"] = kind["health"], kind["shield"], kind["energy"] / 4
    return look(env)


def look(env):
    """Writes what units see now, without letting time pass."""
    rules, view, units, n = env.rules, env._view, env.battle.units[0], np.int32(env.n_agents)
    kinds, last, steps = env.battle.kinds, view.last_actions[0], view.steps[0]
    write_avail(rules, units, kinds, n, view.pathing, view.avail[0])
    write_obs(rules, units, kinds, n, view.pathing, view.heights, view.avail[0], last, steps, view.obs[0])
    write_state(rules, units, kinds, n, env.n_actions, last, steps, view.state[0])
    return env


def avail(env, agent=0):
    return np.flatnonzero(env.current().avail_actions[0, agent]).tolist()


def obs(env, agent=0):
    return env.current().obs[0, agent].tolist()


def test_units_attack_and_see_as_far_as_their_type():
    # Reach and sight in cells between centres: marine 5 and 9, marauder 6 and 10, medivac 4 and 11.
    for name, reach, sight in (("marine", 5, 9), ("marauder", 6, 10)):
        for distance in (reach, reach + 0.01, sight - 0.01, sight):
            env = battle([name], [(10, 10)], enemy=(10 + distance, 10))
            assert (6 in avail(env)) == (distance <= reach)
            seen = obs(env)[MOVE : MOVE + ENEMY]
            assert (seen[1] > 0) == (distance < sight)
            if distance < sight:
                assert seen[:3] == pytest.approx(
                    [float(distance <= reach), distance / sight, distance / sight]
                )
    far = battle(["marine", "medivac"], [(10, 10), (14, 10)])
    assert 6 in avail(far, 1)
    assert 6 not in avail(battle(["marine", "medivac"], [(10, 10), (14.1, 10)]), 1)


def test_melee_units_attack_from_the_least_range():
    assert 6 in avail(battle(["zergling"], [(10, 10)], enemy=(12, 10), race="zerg"))
    assert 6 not in avail(battle(["zergling"], [(10, 10)], enemy=(12.1, 10), race="zerg"))
    assert 6 in avail(battle(["zergling"], [(10, 10)], enemy=(13, 10), race="zerg", min_attack_range=3.0))


def test_without_unit_ranges_everyone_attacks_at_6_and_sees_to_9():
    env = battle(["marine"], [(10, 10)], enemy=(16, 10), use_unit_ranges=False)
    assert 6 in avail(env)
    assert obs(env)[MOVE + 1] == pytest.approx(6 / 9)


def test_an_observation_of_two_by_hand():
    env = battle(["marauder", "medivac"], [(8, 8), (8, 12)], enemy=(11, 12))
    env.battle.units["health"][0] = 50.0, 75.0, 25.0
    # A marauder sees to 10 and attacks to 6 cells: the enemy, a marauder of 125 too, is 5 away.
    moves, enemy = [1, 1, 1, 1], [1, 0.5, 0.3, 0.4, 0.2, 0, 1, 0]
    ally, own = [1, 0.4, 0, 0.4, 0.5, 0, 0, 1], [0.4, 8 / 32, 8 / 32, 0, 1, 0]
    assert obs(look(env)) == pytest.approx([*moves, *enemy, *ally, *own])


def test_types_of_teammates_can_be_hidden_but_not_the_own_and_the_enemys():
    shown, hidden = (
        battle(["marauder", "medivac"], [(8, 8), (8, 12)], observe=seen) for seen in (True, False)
    )
    ally = slice(MOVE + ENEMY, MOVE + 2 * ENEMY)
    assert obs(shown)[ally][-3:] == [0, 0, 1]
    assert obs(hidden)[ally] == [*obs(shown)[ally][:-3], 0, 0, 0]
    assert obs(hidden)[-3:] == obs(shown)[-3:] == [0, 1, 0]
    assert obs(hidden)[: ally.start] == obs(shown)[: ally.start]


def test_a_stalkers_columns_are_the_same_as_an_ally_and_as_an_enemy():
    env = battle(["stalker", "zealot"], [(8, 8), (8, 10)], enemy=(10, 8), race="protoss")
    assert obs(env)[MOVE : MOVE + 9][-3:] == [1, 0, 0]
    assert obs(env, 1)[MOVE + 9 : MOVE + 18][-3:] == [1, 0, 0]


def cone(at, facing=0, turns=12, **settings):
    """A marine at (10, 10) that looks into a direction, and an enemy 4 cells from it at an angle of `at` degrees."""
    place = (10 + 4 * np.cos(np.radians(at)), 10 + 4 * np.sin(np.radians(at)))
    env = battle(["marine"], [(10, 10)], enemy=place, conic_fov=True, num_fov_actions=turns, **settings)
    env.battle.units["facing"][0, 0] = facing
    return look(env)


def sees(env):
    return obs(env)[MOVE + 1] > 0


@pytest.mark.parametrize(("at", "seen"), [(0, True), (14.9, True), (-14.9, True), (15.1, False), (90, False)])
def test_agents_see_and_attack_within_their_cone(at, seen):
    # 12 directions: each cone is 30° wide. Agents look east first.
    env = cone(at)
    assert sees(env) == seen
    assert (6 + 12 in avail(env)) == seen


def test_with_fewer_directions_the_cone_is_wider():
    assert sees(cone(29.9, turns=6))
    assert not sees(cone(30.1, turns=6))


def test_an_agent_turns_its_cone_with_an_action_and_goes_on_with_its_order():
    env = cone(90)
    env.step(np.array([[2]]))  # north
    y = float(env.battle.units["y"][0, 0])
    env.battle.units["x"][0, -1], env.battle.units["y"][0, -1] = 10, 13
    assert set(range(6, 18)) <= set(avail(env))
    env.step(np.array([[NORTH]]))
    assert sees(env)
    assert 6 + 12 in avail(env)
    assert env.battle.units["y"][0, 0] > y
    assert obs(env)[-5:-3] == pytest.approx([0, 1], abs=1e-7)  # before the three columns of the type
    # State of an ally: health, cooldown, x, y, direction, type.
    assert env.current().state[0, 4:6].tolist() == pytest.approx([0, 1], abs=1e-7)


def test_who_looks_west_sees_a_part_of_the_east_as_in_smacv2():
    for at in (180, 170, 10, 0):
        assert sees(cone(at, facing=WEST - 6))
    assert not sees(cone(60, facing=WEST - 6))


def test_a_new_episode_begins_with_a_look_east():
    env = cone(0, facing=5)
    env.battle.units["health"][0, -1] = 0
    env.step(np.array([[1]]))
    env.step(np.array([[1]]))
    assert env.battle.units["facing"][0, 0] == 0


def test_all_are_seen_at_any_distance_if_all_is_observable():
    env = battle(["marine", "marine"], [(1, 1), (30, 30)], enemy=(20, 1), fully_observable=True)
    assert obs(env)[MOVE : MOVE + 3] == pytest.approx([0, 19 / 9, 19 / 9])
    assert obs(env)[MOVE + ENEMY] == 1


def test_without_the_mask_attacks_beyond_reach_are_allowed_and_change_nothing():
    env = battle(["marine"], [(10, 10)], enemy=(20, 10), action_mask=False, fully_observable=True)
    assert 6 in avail(env)
    assert obs(env)[MOVE] == 0  # … but it is not told to be in reach
    env.step(np.array([[2]]))
    env.step(np.array([[6]]))
    assert env.battle.units["y"][0, 0] > 11.5  # it still walks north
    assert env.battle.units["target"][0, 0] == -1
    env.battle.units["x"][0, -1] = 13
    env.battle.units["y"][0, -1] = env.battle.units["y"][0, 0]
    env.step(np.array([[6]]))
    assert env.battle.units["target"][0, 0] == 1
    env.battle.units["health"][0, -1] = 0
    assert 6 not in avail(look(env))


def test_medivacs_heal_any_ally_of_a_larger_team_and_others_attack_no_enemy_that_is_not_there():
    env = battle(["marine", "marine", "medivac"], [(10, 10), (11, 10), (12, 10)], enemy=(10, 12))
    assert env.n_actions == 6 + 3
    assert avail(env, 0)[5:] == [6]
    assert avail(env, 2)[5:] == [6, 7]


def test_a_win_over_any_team_from_full_health_returns_20():
    for race in ("terran", "protoss", "zerg"):
        env = SmacSim(6, map_name=f"{race}_5_vs_5")
        step = env.reset(3)
        env.battle.units["health"][:, 5:] = 0
        step = env.step(np.where(step.avail_actions[..., 1], 1, 0))
        assert step.info["battle_won"].all()
        np.testing.assert_allclose(step.rewards, 20, rtol=1e-5)


def test_enemies_that_recover_earn_nothing_and_never_cost():
    env = battle(["zealot"], [(1, 1)], enemy=(31, 31), race="protoss", reward_scale=False)
    env._view.totals[0] = 150.0, 100.0
    assert env.step(np.array([[1]])).rewards[0] == 0


def test_a_team_with_medivacs_only_has_lost_and_enemies_with_medivacs_only_have():
    env = battle(["marine", "medivac", "medivac"], [(1, 1), (2, 2), (4, 4)])
    env.battle.units["health"][0, 0] = 0
    step = look(env).step(np.array([[0, 1, 1]]))
    assert (step.terminated[0], step.info["battle_won"][0]) == (True, 0)
    made = scenario("terran", 3, 3)
    env = SmacSim(1, **made)
    env.reset(0)
    env.battle.units["kind"][0, 4:] = 5
    env.battle.units["health"][0, 3] = 0
    step = env.step(np.array([[1, 1, 1]]))
    assert step.info["battle_won"][0] == 1


def test_an_illegal_action_is_named_with_the_unit_that_was_drawn():
    env = battle(["marauder", "medivac"], [(8, 8), (20, 20)], conic_fov=True)
    with pytest.raises(
        ValueError, match=r"action 18 \(heal ally 0\) of agent 1 \(medivac\) in copy 0.*9 \(look 90°\)"
    ):
        env.step(np.array([[1, 18]]))


@pytest.mark.parametrize("part", ["attack", "health", "enemy_mask"])
def test_what_is_not_simulated_is_refused_by_name(part):
    settings = scenario("zerg", 5, 5)
    settings["capability_config"][part] = {
        "enemy_mask": {"dist_type": "mask", "mask_probability": 0.5},
    }.get(part, {"dist_type": "per_agent_uniform", "lower_bound": 0.5, "upper_bound": 1, "observe": True})
    with pytest.raises(
        SettingError, match=f"capability_config.{part}: it is not simulated; the environment 'smacv2'"
    ):
        SmacSim(1, **settings)


def test_enemies_that_only_some_may_see_are_not_simulated():
    with pytest.raises(SettingError, match=r"prob_obs_enemy: 0\.5 is not simulated"):
        SmacSim(1, map_name="zerg_5_vs_5", prob_obs_enemy=0.5)


@pytest.mark.parametrize(
    "settings",
    [
        {"map_name": "terran_5_vs_5"},
        {"map_name": "protoss_10_vs_11", "conic_fov": True, "obs_last_action": True},
        {"map_name": "zerg_20_vs_23", "action_mask": False, "obs_timestep_number": True},
        {"map_name": "terran_10_vs_11", "heuristic_ai": True, "conic_fov": True},
        {**scenario("terran", 6, 4), "conic_fov": True, "obs_instead_of_state": True},
    ],
)
def test_the_contract_is_kept(settings):
    check_team_env(SmacSim(3, **settings), episodes=1)


@pytest.mark.parametrize("settings", [{}, {"conic_fov": True}, {"action_mask": False}])
def test_scripted_teams_win_some_battles(settings):
    for choose in (nearest_actions, weakest_actions):
        env = SmacSim(32, map_name="protoss_5_vs_5", **settings)
        step = env.reset(0)
        won, over = np.zeros(32, bool), np.zeros(32, bool)
        while not over.all():
            step = env.step(choose(env))
            won |= (step.info["battle_won"] > 0) & ~over
            over |= step.terminated | step.truncated
        assert 4 <= won.sum() <= 28
