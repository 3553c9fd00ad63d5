"""Time, chance and orders of a battle, and fights whose course can be worked out by hand."""

import pickle

import numpy as np
import pytest

from rllib_remix.envs.smac_sim.battles.battle import Battle
from rllib_remix.envs.smac_sim.battles.layouts import ATTACK_MOVE
from rllib_remix.envs.smac_sim.battles.world import World
from tests.envs.smac_sim.boards import Board

# Chance


def played(seed: int, copies: int, order=None, loops: int = 150) -> np.ndarray:
    """[copies, M] units after some loops of a fight on MMM2, whose allies stand and are shot."""
    battle = Battle("MMM2", copies)
    battle.seed(seed)
    for copy in order or range(copies):
        battle.reset(copy)
        battle.attack(copy, 3, 12)
        battle.advance(copy, loops)
    return battle.units


def share_won(name: str, battles: int) -> float:
    """Share of decided battles that the allies win when both sides follow the enemies' script."""
    battle = Battle(name, battles)
    battle.seed(0)
    battle.world.battles["allies_scripted"] = True
    n, won, lost = battle.n_agents, 0, 0
    for copy in range(battles):
        battle.reset(copy)
        allies, enemies = battle.units[copy, :n], battle.units[copy, n:]
        allies["order"] = ATTACK_MOVE
        allies["goal_x"], allies["goal_y"] = 32 - enemies["goal_x"][0], 32 - enemies["goal_y"][0]
        for _ in range(200):
            battle.advance(copy, 8)
            left, right = (allies["health"] > 0).any(), (enemies["health"] > 0).any()
            if not (left and right):
                break
        won, lost = won + (left and not right), lost + (right and not left)
    return won / (won + lost)


@pytest.mark.battery
@pytest.mark.parametrize("name", ["3m", "8m", "2s3z", "3s5z", "1c3s5z"])
def test_equal_armies_under_one_script_win_as_often(name):
    # The deviation of a share of 2000 fair battles is √(0.25/2000) = 0.011.
    assert share_won(name, 2000) == pytest.approx(0.5, abs=0.04)


def test_the_same_seed_gives_the_same_battle():
    np.testing.assert_array_equal(played(3, 2), played(3, 2))


def test_other_seeds_and_other_copies_give_other_battles():
    units = played(3, 2)
    assert (units["x"][0] != units["x"][1]).any()
    assert (units["x"] != played(4, 2)["x"]).any(-1).all()


def test_a_copys_battle_depends_on_the_seed_and_its_number_alone():
    alone, among_others = played(5, 1), played(5, 4)
    np.testing.assert_array_equal(alone[0], among_others[0])
    np.testing.assert_array_equal(played(5, 4, order=[2, 0, 3, 1]), among_others)


def test_battles_without_a_seed_differ():
    places = []
    for _ in range(2):
        battle = Battle("3m")
        battle.seed(None)
        battle.reset(0)
        places.append(battle.units["x"].copy())
    assert (places[0] != places[1]).any()


def test_a_reset_forgets_all_of_the_last_battle():
    battle = Battle("MMM2")
    battle.seed(0)
    battle.reset(0)
    fresh = battle.units.copy()
    battle.attack(0, 3, 12)
    battle.advance(0, 400)
    battle.seed(0)
    battle.reset(0)
    np.testing.assert_array_equal(battle.units, fresh)
    assert battle.world.battles["loop"][0] == 0


def test_a_reset_leaves_the_other_copies_alone():
    battle = Battle("3m", 2)
    battle.seed(0)
    for copy in (0, 1):
        battle.reset(copy)
        battle.advance(copy, 20)
    other = battle.units[1].copy()
    battle.reset(0)
    battle.advance(0, 5)
    np.testing.assert_array_equal(battle.units[1], other)


def test_later_battles_differ_from_the_first():
    battle = Battle("3m")
    battle.seed(0)
    battle.reset(0)
    first = battle.units["x"].copy()
    battle.reset(0)
    assert (battle.units["x"] != first).any()


def test_of_two_that_would_kill_each_other_in_the_same_loop_either_is_first_as_often():
    board = Board("3m", copies=1000)
    ally, enemy = board.ally("marine", 10, 16, health=6), board.enemy("marine", 12, 16, health=6)
    board.units["target"][:, enemy] = ally
    board.attack(ally, enemy)
    board.advance(1)
    ally_won, enemy_won = (board.units["health"][:, number] > 0 for number in (ally, enemy))
    assert (ally_won ^ enemy_won).all()
    assert 430 < ally_won.sum() < 570  # a standard deviation is √(1000 / 4) = 16


def test_who_fired_is_told_of_the_last_advance_only():
    board = Board("3m", peaceful=True)
    marine, enemy = board.ally("marine", 10, 16), board.enemy("marine", 12, 16)
    board.attack(marine, enemy)
    board.advance(8)
    assert board[marine]["fired"]
    board.advance(4)  # the next shot comes 12.8 loops after the first at the earliest
    assert not board[marine]["fired"]


def test_time_is_counted_in_loops():
    battle = Battle("3m")
    battle.reset(0)
    for loops in (8, 1, 100):
        battle.advance(0, loops)
    assert battle.world.battles["loop"][0] == 109


# Fights


def kill_times(board: Board, attackers: list[int], target: int, limit: int) -> np.ndarray:
    """[copies] loops until the target is dead."""
    for attacker in attackers:
        board.attack(attacker, target)
    times = np.zeros(len(board.units), int)
    for loop in range(1, limit + 1):
        board.advance(1)
        times[(times == 0) & (board.units["health"][:, target] <= 0)] = loop
    assert (times > 0).all()
    return times


def test_a_marine_kills_a_marine_with_8_shots_in_about_100_loops():
    # 45 / 6 = 7.5. The first shot falls in loop 1; 7 intervals of 13.776 loops are 96.4, and chance adds half a loop
    # to each on average: 1 + 96.4 + 3.5, and half a loop more as loops are whole: 101.4.
    # The deviation of the sum is √7 · 1.118 = 3, of the mean over 400 copies 0.15.
    board = Board("3m", copies=400, peaceful=True)
    marine, enemy = board.ally("marine", 10, 16), board.enemy("marine", 14, 16)
    times = kill_times(board, [marine], enemy, 125)
    assert times.mean() == pytest.approx(101.4, abs=0.7)
    # 7 · (−1) and 7 · 2 about 97.4
    assert times.min() >= 90
    assert times.max() <= 112


def test_three_marines_kill_a_marine_in_three_volleys():
    # 8 shots by three: two whole volleys and two shots of the third, 2 · 13.776 + 1 = 28.6 loops, and by chance
    # between 2 less and 4 more; the third volley's second shot comes with the middle one of three delays.
    board = Board("3m", copies=200, peaceful=True)
    marines = [board.ally("marine", 10, 15.2 + 0.8 * i) for i in range(3)]
    times = kill_times(board, marines, board.enemy("marine", 14, 16), 45)
    assert times.mean() == pytest.approx(30, abs=0.7)
    assert times.min() >= 26
    assert times.max() <= 34


def shots_and_remains(board: Board, attacker: int, target: int, loops: int) -> list[tuple[float, float]]:
    """Health and shield of the target after each of the hits."""
    board.attack(attacker, target)
    remains = [(float(board[target]["health"]), float(board[target]["shield"]))]
    for _ in range(loops):
        board.advance(1)
        now = (float(board[target]["health"]), float(board[target]["shield"]))
        if now != remains[-1]:
            remains.append(now)
    return remains[1:]


def test_a_marine_takes_a_zealots_shield_at_6_and_its_health_at_5_per_shot():
    # 8 shots take 48 of the shield; of the 9th 2 stay in the shield, and 4 less armour 1 are 3. 97 / 5: 20 more.
    board = Board("2m_vs_1z", peaceful=True)
    marine, zealot = board.ally("marine", 12, 14), board.enemy("zealot", 16, 14)
    remains = shots_and_remains(board, marine, zealot, 450)
    assert remains[:8] == [(100, 50 - 6 * shot) for shot in range(1, 9)]
    assert remains[8:11] == [(97, 0), (92, 0), (87, 0)]
    assert len(remains) == 29
    assert remains[-1] == (0, 0)


def test_a_zealot_kills_a_marine_with_three_attacks_in_about_40_loops():
    # 45 − 2 · 8 = 29, 13, dead. Two intervals of 19.2 + 0.5, from its first attack in loop 1 on, and a half: 40.9.
    board = Board("2m_vs_1z", copies=200)
    marine, zealot = board.ally("marine", 12, 14), board.enemy("zealot", 12.9, 14)
    board.units["target"][:, zealot] = marine
    times, seen = np.zeros(200), []
    for loop in range(1, 60):
        board.advance(1)
        times[(times == 0) & (board.units["health"][:, marine] <= 0)] = loop
        seen.append(float(board[marine]["health"]))
    assert list(dict.fromkeys(seen)) == [29, 13, 0]
    assert times.mean() == pytest.approx(40.9, abs=0.6)


def test_a_stalker_kills_a_zealot_with_13_shots_in_about_365_loops():
    # 13 · 3 = 39 of the shield; the 4th leaves 13 − 11 = 2, less armour 1 (99 left); then 12 each: 99 / 12, 9 more.
    # 12 intervals of 29.92 + 0.5 are 365, and a few loops of flight.
    board = Board("3s_vs_3z", peaceful=True)
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 15, 16)
    remains = shots_and_remains(board, stalker, zealot, 400)
    assert remains[:5] == [(100, 37), (100, 24), (100, 11), (99, 0), (87, 0)]
    assert len(remains) == 13
    board = Board("3s_vs_3z", copies=50, peaceful=True)
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 15, 16)
    assert kill_times(board, [stalker], zealot, 400).mean() == pytest.approx(365 + 1 + 4 + 0.5, abs=1.5)


def test_shields_are_back_after_20_env_steps_and_grow_by_one_per_env_step():
    board = Board("3s_vs_3z", peaceful=True)
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 15, 16)
    board.attack(stalker, zealot)
    while board[zealot]["shield"] == 50:
        board.advance(1)
    board.battle.stop(0, stalker)
    shields = []
    for _ in range(24):
        board.advance(8)
        shields.append(float(board[zealot]["shield"]))
    # The 160th loop recharges for the first time.
    assert shields[:19] == [37] * 19
    assert shields[19:] == [37.125, 38.125, 39.125, 40.125, 41.125]


@pytest.mark.parametrize("seed", range(5))
def test_the_enemys_first_shot_falls_when_it_has_walked_into_range(seed):
    # Marines reach 5 + 2 · 0.375 = 5.75 cells from centre to centre and walk 0.140625 per loop.
    battle = Battle("3m", 8)
    battle.seed(seed)
    for copy, units in enumerate(battle.units):
        battle.reset(copy)
        allies, enemies = units[:3], units[3:]
        distance = np.hypot(allies["x"][:, None] - enemies["x"], allies["y"][:, None] - enemies["y"]).min()
        soonest = (distance - 5.75) / 0.140625
        loops = 0
        while not units["fired"].any():
            battle.advance(copy, 1)
            loops += 1
        assert not units["fired"][:3].any()
        # At the latest: a look every 4 loops, and the way to the goal is not quite the way to the target.
        assert soonest <= loops <= soonest + 6


def test_the_armies_of_3m_meet_after_about_seven_env_steps():
    # Centres of the armies 14 apart, their nearest marines 12.5: (12.5 − 5.75) / 1.125 = 6.
    battle = Battle("3m", 50)
    battle.seed(0)
    steps = []
    for copy, units in enumerate(battle.units):
        battle.reset(copy)
        steps.append(0)
        while not units["fired"].any():
            battle.advance(copy, 8)
            steps[-1] += 1
    assert 6 <= np.mean(steps) <= 8


def test_a_kiting_stalker_gains_a_third_of_a_cell_per_env_step():
    # (2.9531 − 2.25) / 2 = 0.35155
    board = Board("3s_vs_5z")
    stalker = board.ally("stalker", 20, 16)
    zealots = [board.enemy("zealot", 22 + 0.8 * i, 16) for i in range(5)]
    for zealot in zealots:
        board.units["target"][0, zealot] = stalker
    board.move(stalker, 0, 16)
    board.advance(8)
    before = board.distance(stalker, zealots[0])
    board.advance(40)
    assert board.distance(stalker, zealots[0]) - before == pytest.approx(5 * 0.35155, abs=0.02)


def test_an_army_of_three_beats_one_of_two():
    board = Board("8m", copies=20)
    allies = [board.ally("marine", 10, 15 + i) for i in range(3)]
    enemies = [board.enemy("marine", 14, 15 + i) for i in range(2)]
    for _ in range(40):
        for copy, units in enumerate(board.units):
            alive = [enemy for enemy in enemies if units["health"][enemy] > 0]
            for ally in allies:
                if alive:
                    board.battle.attack(copy, ally, alive[0])
        board.advance(8)
    assert (board.units["health"][:, enemies] == 0).all()
    assert (board.units["health"][:, allies] > 0).any(-1).all()


@pytest.mark.parametrize("name", ["3m", "2s3z", "corridor", "so_many_baneling", "2c_vs_64zg", "bane_vs_bane"])
def test_allies_that_do_nothing_are_beaten(name):
    battle = Battle(name)
    battle.seed(0)
    battle.reset(0)
    allies = battle.units["health"][0, : battle.n_agents]
    for _ in range(100):
        battle.advance(0, 32)
        if not allies.any():
            return
        allies = battle.units["health"][0, : battle.n_agents]
    # Banelings may all be spent before.
    assert name == "so_many_baneling"
    assert not battle.units["health"][0, battle.n_agents :].any()


# Code compiled by earlier versions


def test_what_numba_kept_of_earlier_versions_still_names_a_class():
    # Its index is unpickled before it is compared with the sources, and names the types of arguments.
    assert pickle.loads(b"crllib_remix.envs.smac_sim.world\nWorld\n.") is World
