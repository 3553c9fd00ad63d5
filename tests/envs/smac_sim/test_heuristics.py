"""The scripted teams, on boards set up by hand and in whole battles."""

import numpy as np
import pytest

from rllib_remix.envs.smac.maps import MAPS
from rllib_remix.envs.smac_sim.heuristics import nearest_actions, weakest_actions
from rllib_remix.envs.smac_sim.observing import write_avail
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.team_env import random_actions
from rllib_remix.errors import SettingError

NO_OP, STOP, NORTH, SOUTH, EAST, WEST, FIRST = range(7)
FAR = (25.0, 16.0)  # out of every ally's reach in these tests
MEDIVAC = 9  # agent on MMM2; 0 and 1 are marauders, 2 to 8 marines


def board(map_name, allies, enemies, **settings):
    """A battle in which the first units stand at the given points, and the other units far away.

    A point is (x, y) or (x, y, health).
    """
    env = SmacSim(map_name=map_name, **settings)
    env.reset(seed=0)
    units = env.battle.units[0]
    for first, last, points, others in (
        (0, env.n_agents, allies, (2.0, 16.0)),
        (env.n_agents, len(units), enemies, FAR),
    ):
        for i in range(first, last):
            x, y, *health = points[i - first] if i - first < len(points) else others
            units[i]["x"], units[i]["y"] = x, y
            if health:
                units[i]["health"] = health[0]
    look_again(env)
    return env


def look_again(env):
    """Masks of what stands on the board now."""
    battle = env.battle
    write_avail(
        env._rules,
        battle.units[0],
        battle.kinds,
        env.n_agents,
        battle.pathing,
        env.current().avail_actions[0],
    )


def kill(env, *numbers):
    env.battle.units["health"][0, list(numbers)] = 0.0
    look_again(env)


# nearest and weakest


def test_the_nearest_enemy_in_reach_is_attacked():
    env = board("3m", [(10, 16)], [(15, 16), (14, 16), (13, 20.5)])  # 5, 4 and 5.4 cells away
    assert nearest_actions(env)[0, 0] == FIRST + 1


def test_of_enemies_at_one_distance_the_first_is_attacked():
    env = board("3m", [(10, 16)], [FAR, (10, 20), (14, 16)])
    assert nearest_actions(env)[0, 0] == FIRST + 1


def test_the_dead_are_not_attacked_and_do_nothing():
    env = board("3m", [(10, 16), (10, 14)], [(12, 16), (14, 16), FAR])
    kill(env, 1, 3)
    assert nearest_actions(env)[0].tolist()[:2] == [FIRST + 1, NO_OP]


def test_the_weakest_enemy_in_reach_is_attacked():
    env = board("3m", [(10, 16)], [(12, 16, 30), (14, 16, 20), (15, 16, 25)])
    assert weakest_actions(env)[0, 0] == FIRST + 1
    assert nearest_actions(env)[0, 0] == FIRST


def test_shields_count_among_what_makes_an_enemy_weak():
    # Zealots of 100 + 50 and 60 + 50, and a stalker of 20 + 80 = 100: the least.
    env = board("2s3z", [(10, 16)], [(14, 16, 20), FAR, (12, 16, 100), (13, 16, 60)])
    assert weakest_actions(env)[0, 0] == FIRST


def test_of_equally_weak_enemies_the_nearest_is_attacked():
    env = board("3m", [(10, 16)], [(15, 16, 20), (13, 16, 20), (12, 16, 45)])
    assert weakest_actions(env)[0, 0] == FIRST + 1


@pytest.mark.parametrize(
    ("enemy", "move"),
    [((20, 19), EAST), ((0, 12), WEST), ((12, 23), NORTH), ((8, 8), SOUTH), ((17, 23), NORTH)],
)
def test_who_has_no_enemy_in_reach_walks_along_the_larger_offset(enemy, move):
    env = board("3m", [(10, 16)], [enemy, (31, 8), (31, 23)])
    assert nearest_actions(env)[0, 0] == weakest_actions(env)[0, 0] == move


def test_a_blocked_way_is_left_along_the_other_offset():
    # The band's northern edge is y = 24: from 23.5 a step north would leave it.
    env = board("3m", [(10, 23.5)], [(13, 31), (31, 8), (31, 8)])
    assert not env.current().avail_actions[0, 0, NORTH]
    assert nearest_actions(env)[0, 0] == EAST


def test_who_is_blocked_along_both_offsets_stops():
    env = board("3m", [(31.5, 23.5)], [(39, 33)] * 3)
    assert nearest_actions(env)[0, 0] == STOP


def test_the_nearest_enemy_is_seen_at_any_distance():
    env = board("3m", [(2, 16)], [(31, 16), (30, 16), (31, 8)])
    assert nearest_actions(env)[0, 0] == EAST


def mmm2(allies, medivac):
    """A board of MMM2: marauders and marines at the first points, the medivac, and nobody to shoot at."""
    return board("MMM2", [*allies, *[(2, 16)] * (9 - len(allies)), medivac], [])


def test_a_medivac_heals_the_most_wounded_in_reach():
    # Marauders of 125 with 60 and 50 left, a marine of 45 with 40 left: the least health, not the least share.
    env = mmm2([(10, 16, 60), (11, 16, 50), (12, 16, 40)], (10, 18))
    assert nearest_actions(env)[0, MEDIVAC] == weakest_actions(env)[0, MEDIVAC] == FIRST + 2


def test_a_medivac_goes_to_the_nearest_wounded_before_the_nearest():
    env = mmm2([(10, 16), (20, 16, 60)], (11, 16))
    assert nearest_actions(env)[0, MEDIVAC] == EAST


def test_a_medivac_without_wounded_follows_the_nearest():
    env = mmm2([(10, 16)], (13, 17))
    assert nearest_actions(env)[0, MEDIVAC] == WEST


@pytest.mark.parametrize("map_name", MAPS)
def test_every_choice_is_available_in_every_battle(map_name):
    env = SmacSim(2, map_name=map_name)
    step = env.reset(seed=1)
    rng = np.random.default_rng(1)
    for round_ in range(40):
        for policy in (nearest_actions, weakest_actions):
            actions = policy(env)
            running = ~(step.terminated | step.truncated)
            allowed = np.take_along_axis(step.avail_actions, actions[..., None], -1)
            assert allowed[running].all()
        step = env.step(random_actions(step.avail_actions, rng) if round_ % 4 == 0 else actions)


def test_choosing_changes_nothing():
    env = board("MMM2", [(10, 16, 60)], [(14, 16)])
    before = env.battle.units.copy()
    nearest_actions(env)
    assert (env.battle.units == before).all()


def test_both_beat_random_play_on_3m():
    def mean_return(choose):
        env = SmacSim(32, map_name="3m")
        step = env.reset(seed=5)
        total, over = np.zeros(32), np.zeros(32, bool)
        while not over.all():
            step = env.step(choose(env, step))
            total += np.where(over, 0, step.rewards)
            over |= step.terminated | step.truncated
        return total.mean()

    rng = np.random.default_rng(5)
    random = mean_return(lambda env, step: random_actions(step.avail_actions, rng))
    assert mean_return(lambda env, step: nearest_actions(env)) > 3 * random
    assert mean_return(lambda env, step: weakest_actions(env)) > 3 * random


# SMAC's heuristic_ai


def scripted(env, given=STOP):
    """What the script does in one step, as the caller's array shows it."""
    actions = np.full((env.num_envs, env.n_agents), given)
    env.step(actions)
    return actions[0]


def test_the_scripts_actions_replace_the_given_ones_even_if_these_were_illegal():
    env = board("3m", [(10, 16)], [(13, 16)], heuristic_ai=True)
    assert scripted(env, given=NO_OP)[0] == FIRST
    assert env.current().state.reshape(-1)[-27:].reshape(3, 9).argmax(-1)[0] == FIRST  # the last action


def test_an_array_that_must_not_be_written_is_left_alone():
    env = board("3m", [(10, 16)], [(13, 16)], heuristic_ai=True)
    actions = np.full((1, 3), STOP)
    actions.flags.writeable = False
    env.step(actions)
    assert (actions == STOP).all()


def test_without_the_setting_the_given_actions_count():
    env = board("3m", [(10, 16)], [(13, 16)])
    assert scripted(env).tolist() == [STOP] * 3


def test_an_enemy_out_of_reach_is_attacked_all_the_same_and_walked_up_to():
    env = board("3m", [(10, 16)], [(20, 16), (31, 8), (31, 8)], heuristic_ai=True)
    env.battle.units["order"][0, 3:] = 0  # The enemies stay.
    assert not env.current().avail_actions[0, 0, FIRST]
    assert scripted(env)[0] == FIRST
    assert env.battle.units["x"][0, 0] == pytest.approx(11.125)  # 8 loops of 2.25 / 16 cells


def test_with_heuristic_rest_it_is_moved_towards_instead():
    env = board("3m", [(10, 16)], [(20, 16), (31, 8), (31, 8)], heuristic_ai=True, heuristic_rest=True)
    assert scripted(env)[0] == EAST


def test_with_heuristic_rest_the_move_does_not_ask_the_mask():
    env = board("3m", [(10, 23.5)], [(11, 31)] * 3, heuristic_ai=True, heuristic_rest=True)
    assert not env.current().avail_actions[0, 0, NORTH]
    assert scripted(env)[0] == NORTH


def test_a_target_is_kept_until_it_dies():
    env = board("3m", [(10, 16)], [(13, 16), (15, 16), FAR], heuristic_ai=True)
    assert scripted(env)[0] == FIRST
    env.battle.units["x"][0, 3:5] = 15.5, 12.0  # Now the other one is nearer.
    assert scripted(env)[0] == FIRST
    kill(env, 3)
    assert scripted(env)[0] == FIRST + 1


def test_targets_are_forgotten_when_an_episode_ends():
    env = board("3m", [(10, 16)], [(15, 16), (13, 16), FAR], heuristic_ai=True)
    assert scripted(env)[0] == FIRST + 1
    env.reset()
    env.battle.units["x"][0] = [10, 2, 2, 13, 15, 25]
    env.battle.units["y"][0] = 16
    look_again(env)
    assert scripted(env)[0] == FIRST


def test_the_dead_do_nothing():
    env = board("3m", [(10, 16)], [(13, 16)], heuristic_ai=True)
    scripted(env)
    kill(env, 0)
    assert scripted(env)[0] == NO_OP


def test_marauders_pick_medivacs_too_and_stand_before_them_as_in_smac():
    # MMM2's enemies: 8 marines, 3 marauders, and the medivac as number 11.
    enemies = [*[FAR] * 11, (13, 16)]
    env = board("MMM2", [(10, 16), (2, 16), (10, 17)], enemies, heuristic_ai=True)
    actions = scripted(env)
    assert actions[0] == actions[2] == FIRST + 11
    assert env.battle.units["x"][0, [0, 2]].tolist() == [10, 10]
    assert env.battle.units["health"][0, env.n_agents + 11] < 150  # by the marine


def test_a_medivac_heals_the_nearest_wounded_until_it_is_well():
    allies = [(10, 16, 60), (15, 16, 20), *[(2, 16)] * 7, (12, 16)]
    env = board("MMM2", allies, [(31, 9)] * 12, heuristic_ai=True)
    assert scripted(env)[MEDIVAC] == FIRST
    env.battle.units["x"][0, MEDIVAC] = 14.0
    assert scripted(env)[MEDIVAC] == FIRST
    env.battle.units["health"][0, 0] = 125.0
    assert scripted(env)[MEDIVAC] == FIRST + 1


def test_a_medivac_without_wounded_gets_no_order():
    env = board("MMM2", [*[(2, 16)] * 9, (12, 16)], [], heuristic_ai=True)
    assert scripted(env)[MEDIVAC] == NO_OP
    assert env.battle.units["x"][0, MEDIVAC] == 12


@pytest.mark.battery
def test_the_script_plays_whole_battles_on_every_map():
    for map_name in ("3m", "MMM2", "2c_vs_64zg", "bane_vs_bane"):
        for rests in (False, True):
            env = SmacSim(2, map_name=map_name, heuristic_ai=True, heuristic_rest=rests)
            env.reset(seed=0)
            ended = np.zeros(2, bool)
            for _ in range(env.episode_limit):
                step = env.step(np.zeros((2, env.n_agents), int))
                ended |= step.terminated
            assert ended.all()


def test_heuristic_rest_alone_is_refused():
    with pytest.raises(SettingError, match=r"smac\.heuristic_rest: true has no effect without heuristic_ai"):
        SmacSim(heuristic_rest=True)
