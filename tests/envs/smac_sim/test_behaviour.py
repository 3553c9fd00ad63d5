"""What allies do with their orders, and enemies by their script."""

import numpy as np
import pytest

from rllib_remix.envs.smac_sim.battles.layouts import ATTACK, ATTACK_MOVE, HUNT, IDLE, MOVE
from rllib_remix.envs.smac_sim.simulator import SmacSim
from tests.envs.smac_sim.boards import Board

# Allies


@pytest.mark.parametrize(
    ("map_name", "ally", "enemy"),
    [
        ("3m", "marine", "marine"),
        ("2s3z", "zealot", "zealot"),
        ("bane_vs_bane", "baneling", "zergling"),
        ("1c3s5z", "colossus", "stalker"),
    ],
)
def test_an_ally_without_an_order_never_shoots_or_moves_even_when_it_is_shot(map_name, ally, enemy):
    board = Board(map_name)
    unit, foe = board.ally(ally, 14, 15), board.enemy(enemy, 16, 15)
    board.kinds["health"] = board.units["health"][0, [unit, foe]] = 1e6
    board.units["shield"] = 0
    assert board.shots(unit, 100) == []
    assert board[unit]["health"] < 1e6
    assert board[unit]["target"] == -1
    assert board.distance(unit, foe) < 2.01  # pushed a little, maybe, by whom it touches


def test_a_unit_in_range_of_its_target_stands_and_shoots_until_it_is_dead():
    # Marine against marine: 45 / 6, 8 shots.
    board = Board("3m", peaceful=True)
    marine, enemy = board.ally("marine", 10, 16), board.enemy("marine", 14, 16)
    board.attack(marine, enemy)
    assert len(board.shots(marine, 150)) == 8
    assert board[enemy]["health"] == 0
    assert board.place(marine) == (10, 16)


def test_after_its_target_died_a_unit_waits_for_the_next_order():
    board = Board("3m", peaceful=True)
    marine = board.ally("marine", 10, 16)
    first, second = board.enemy("marine", 14, 16, health=1), board.enemy("marine", 14, 17)
    board.attack(marine, first)
    assert board.shots(marine, 60) == [1]
    assert (board[marine]["order"], board[marine]["target"]) == (IDLE, -1)
    assert board[second]["health"] == 45


def test_melee_units_chase_a_target_that_runs():
    # Both do 2.25 cells per second: the zealot stays as far behind as it is.
    board = Board("2s3z", peaceful=True)
    zealot, prey = board.ally("zealot", 6, 16), board.enemy("zealot", 9, 16)
    board.units["order"][0, prey] = ATTACK_MOVE
    board.units["goal_x"][0, prey], board.units["goal_y"][0, prey] = 20, 16
    board.attack(zealot, prey)
    board.advance(40)
    assert board.distance(zealot, prey) == pytest.approx(3, abs=0.01)
    assert board[zealot]["x"] == pytest.approx(6 + 40 * 0.140625, abs=0.01)
    # It arrives 1.5 before its goal after 68 loops, and the zealot needs (3 − 1.1) / 0.140625 = 13.5 more.
    assert board.shots(zealot, 60)[0] == pytest.approx(28 + 14, abs=2)


def test_an_order_to_attack_from_afar_walks_up_first():
    # SMAC lets a zealot attack from 6 cells: (6 − 0.975) / 0.140625 = 35.7 loops of walking.
    board = Board("corridor", peaceful=True)
    zealot, zergling = board.ally("zealot", 18, 20), board.enemy("zergling", 24, 20)
    board.attack(zealot, zergling)
    assert board.shots(zealot, 40) == [37]


def test_a_shot_order_is_obeyed_anew_each_time_and_stop_ends_it():
    board = Board("3m", peaceful=True)
    marine, enemy = board.ally("marine", 10, 16), board.enemy("marine", 14, 16)
    board.attack(marine, enemy)
    board.advance(1)
    board.battle.stop(0, marine)
    assert board.shots(marine, 60) == []
    board.attack(marine, enemy)
    assert board.shots(marine, 2) == [1]


def test_an_order_that_a_unit_cannot_carry_out_changes_nothing():
    # Marauders cannot shoot at what flies, and only medivacs heal.
    board = Board("MMM", peaceful=True)
    marauder, friend = board.ally("marauder", 10, 16), board.ally("marine", 10, 18, health=5)
    medivac = board.enemy("medivac", 12, 16)
    board.move(marauder, 16, 16)
    before = board[marauder].copy()
    board.attack(marauder, medivac)
    board.battle.heal(0, marauder, friend)
    assert board[marauder] == before
    assert board[marauder]["order"] == MOVE
    board.advance(16)
    assert board[marauder]["x"] == pytest.approx(12.25)
    assert board[medivac]["health"] == 150


def test_a_medivac_that_is_told_to_attack_does_not():
    board = Board("MMM", peaceful=True)
    medivac, enemy = board.ally("medivac", 10, 16), board.enemy("marine", 12, 16)
    board.attack(medivac, enemy)
    board.advance(20)
    assert board[medivac]["order"] == IDLE
    assert board[enemy]["health"] == 45


def test_a_medivac_flies_to_a_patient_out_of_its_range():
    # 4 + 0.75 + 0.375 = 5.125 cells; 8.5 away it flies 3.375, at 0.171875 per loop: 19.6 loops.
    board = Board("MMM")
    medivac, marine = board.ally("medivac", 10, 16), board.ally("marine", 18.5, 16, health=20)
    board.battle.heal(0, medivac, marine)
    board.advance(20)
    assert board[marine]["health"] == 20
    board.advance(1)
    assert board[marine]["health"] == 20.5625


def test_a_medivac_forgets_a_patient_that_dies():
    board = Board("MMM")
    medivac, marine = board.ally("medivac", 10, 16), board.ally("marine", 12, 16, health=20)
    board.battle.heal(0, medivac, marine)
    board.advance(1)
    board.units["health"][0, marine] = 0
    board.advance(1)
    assert board[marine]["health"] == 0
    assert (board[medivac]["order"], board[medivac]["target"]) == (IDLE, -1)


# Enemies: where they go


def march(board: Board, *numbers: int, x: float = 4, y: float = 16) -> None:
    """Enemies get an attack-move to a place."""
    for number in numbers:
        board.units["order"][0, number] = ATTACK_MOVE
        board.units["goal_x"][0, number], board.units["goal_y"][0, number] = x, y


def test_an_attack_move_ends_near_its_goal():
    board = Board("3m")
    marine = board.enemy("marine", 10, 16)
    march(board, marine)
    board.advance(60)
    assert board[marine]["order"] == IDLE
    assert board.place(marine) == pytest.approx((5.5, 16), abs=0.15)  # 1.5 before it, within a loop's walk


def test_an_enemy_without_order_stays_but_shoots_who_comes_near():
    board = Board("2s_vs_1sc")
    crawler = board.enemy("spine_crawler", 13.92, 20.04)
    stalker = board.ally("stalker", 13.92, 11.0)
    assert board.shots(crawler, 40) == []
    board.units["y"][0, stalker] = 11.5  # 8.54 away; 7 + 1.125 + 0.625 = 8.75
    assert board.shots(crawler, 5) != []
    # 25 + 5 against armoured
    assert board[stalker]["shield"] == 50
    assert board.place(crawler) == pytest.approx((13.92, 20.04))


def test_the_spine_crawler_never_moves_through_whole_episodes():
    env = SmacSim(4, map_name="2s_vs_1sc")
    step = env.reset(seed=1)
    place = env.battle.units[["x", "y"]][:, 2].copy()
    rng = np.random.default_rng(0)
    for _ in range(300):
        avail = step.avail_actions
        step = env.step((rng.random(avail.shape) * avail).argmax(-1))
        np.testing.assert_array_equal(env.battle.units[["x", "y"]][:, 2], place)


# Enemies: whom they attack


@pytest.mark.parametrize(
    ("map_name", "enemy", "ally", "sight"),
    [
        # scan range from edge to edge, and both radii
        ("2m_vs_1z", "zealot", "marine", 5.875),  # 5 + 0.5 + 0.375
        ("3m", "marine", "marine", 6.25),  # 5.5 + 2 · 0.375
        ("2s3z", "stalker", "stalker", 7.75),  # 6.5 + 2 · 0.625
        ("corridor", "zergling", "zealot", 5.875),
    ],
)
def test_an_enemy_on_the_march_notices_who_comes_within_its_scan_range(map_name, enemy, ally, sight):
    for distance, noticed in ((sight - 0.01, True), (sight + 0.01, False)):
        board = Board(map_name)
        unit, foe = board.ally(ally, 14, 15 + 5 * (map_name == "corridor")), board.enemy(enemy, 0, 0)
        x, y = board.place(unit)
        board.units["x"][0, foe], board.units["y"][0, foe] = x + distance, y
        board.kinds["speed"][:] = 0  # They look every fourth loop.
        march(board, foe)
        board.advance(4)
        assert (board[foe]["target"] == unit) == noticed


def test_an_enemy_on_the_march_attacks_the_nearest():
    board = Board("3m")
    far, near = board.ally("marine", 10, 18.5), board.ally("marine", 10, 15)
    enemy = board.enemy("marine", 15, 16)
    march(board, enemy)
    assert board.shots(enemy, 10)
    assert board[enemy]["target"] == near
    assert board[far]["health"] == 45


@pytest.mark.parametrize("order", ["attack", "stop"])
def test_who_attacks_is_attacked_before_who_only_is_near(order):
    board = Board("3m")
    far, near = board.ally("marine", 10, 18.5), board.ally("marine", 10, 15)
    enemy, decoy = board.enemy("marine", 15, 16), board.enemy("marine", 20, 16)
    if order == "attack":
        board.attack(far, decoy)
    march(board, enemy)
    board.advance(4)
    assert board[enemy]["target"] == (far if order == "attack" else near)


def test_a_target_in_range_is_kept_although_another_comes_nearer():
    board = Board("3m")
    target, near = board.ally("marine", 10.5, 16), board.ally("marine", 13, 16)
    enemy = board.enemy("marine", 15, 16, target=target)
    assert len(board.shots(enemy, 40)) >= 2
    assert board[enemy]["target"] == target
    assert board[near]["health"] == 45


def test_a_target_out_of_range_is_given_up_for_a_nearer_one():
    # The zealot chases one marine, 5 cells away, and passes another.
    board = Board("2m_vs_1z")
    target, near = board.ally("marine", 10, 16), board.ally("marine", 13, 15)
    zealot = board.enemy("zealot", 15, 16, target=target)
    board.advance(4)
    assert board[zealot]["target"] == near


def test_after_its_target_died_an_enemy_takes_the_next_and_then_marches_on():
    board = Board("3m")
    first, second = board.ally("marine", 12, 16, health=6), board.ally("marine", 12, 17, health=6)
    enemy = board.enemy("marine", 16, 16)
    march(board, enemy)
    board.advance(40)
    assert board[first]["health"] == board[second]["health"] == 0
    assert board[enemy]["order"] == ATTACK_MOVE
    board.advance(60)
    assert board[enemy]["x"] < 12


def test_an_enemy_strikes_back_at_who_shoots_it_from_afar():
    # A stalker's shot comes from 7 cells, a zealot notices at 6.125.
    board = Board("3s_vs_3z")
    stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 17, 16)
    board.advance(30)
    assert board[zealot]["target"] == -1
    board.attack(stalker, zealot)
    board.advance(20)
    assert board[zealot]["target"] == stalker
    assert board[zealot]["x"] < 17


def test_an_enemy_that_attacks_already_does_not_turn_to_who_shoots_it():
    board = Board("3s_vs_3z")
    bait, shooter = board.ally("stalker", 15.9, 16), board.ally("stalker", 10.5, 16)
    zealot = board.enemy("zealot", 17, 16, target=bait)
    board.attack(shooter, zealot)
    for _ in range(30):
        board.advance(1)
        assert board[zealot]["target"] == bait
    assert board[zealot]["shield"] < 50


def test_what_cannot_reach_its_attacker_does_not_turn_to_it():
    # Marines shoot at medivacs, which have no weapon.
    board = Board("MMM")
    marine, medivac = board.ally("marine", 10, 16), board.enemy("medivac", 14, 16)
    board.attack(marine, medivac)
    board.advance(30)
    assert board[medivac]["health"] < 150
    assert board[medivac]["target"] == -1


def test_who_gets_far_enough_away_is_forgotten():
    # Beyond 5 + 5 cells from edge to edge: 10 + 0.5 + 0.625 = 11.125.
    for distance, kept in ((11, True), (11.2, False)):
        board = Board("3s_vs_3z")
        stalker, zealot = board.ally("stalker", 10, 16), board.enemy("zealot", 10 + distance, 16)
        board.units["target"][0, zealot] = stalker
        board.kinds["speed"][:] = 0
        board.advance(4)
        assert (board[zealot]["target"] == stalker) == kept


def test_enemies_that_lost_their_prey_go_on_with_their_march():
    board = Board("3s_vs_3z")
    stalker, zealot = board.ally("stalker", 2, 2), board.enemy("zealot", 20, 16)
    march(board, zealot, x=9)
    board.units["target"][0, zealot] = stalker
    board.advance(12)
    assert board[zealot]["target"] == -1
    assert board[zealot]["y"] == pytest.approx(16, abs=0.4)


def test_marauders_and_zealots_do_not_go_for_what_flies():
    board = Board("MMM")
    medivac, marauder = board.ally("medivac", 12, 16), board.enemy("marauder", 14, 16)
    march(board, marauder)
    board.advance(20)
    assert board[marauder]["target"] == -1
    assert board[medivac]["health"] == 150


def test_marines_shoot_at_medivacs():
    board = Board("MMM")
    medivac, marine = board.ally("medivac", 12, 16), board.enemy("marine", 14, 16)
    march(board, marine)
    board.advance(20)
    assert board[marine]["target"] == medivac
    assert board[medivac]["health"] < 150


def test_hunters_go_for_the_nearest_at_any_distance():
    board = Board("2c_vs_64zg")
    board.ally("colossus", 2, 15)
    near = board.ally("colossus", 20, 15)
    zergling = board.enemy("zergling", 28, 8.5, order=HUNT)
    board.advance(4)
    assert board[zergling]["target"] == near
    assert board.distance(zergling, near) > 9


def test_hunters_change_to_a_colossus_that_comes_nearer():
    board = Board("2c_vs_64zg")
    far, near = board.ally("colossus", 8, 15), board.ally("colossus", 24, 15)
    zergling = board.enemy("zergling", 30, 11, order=HUNT)
    board.advance(4)
    assert board[zergling]["target"] == near
    board.units["x"][0, far], board.units["x"][0, near] = 27, 8
    board.advance(4)
    assert board[zergling]["target"] == far


def test_melee_enemies_follow_a_fleeing_stalker_ever_farther_behind():
    # Kiting: 2.9531 − 2.25 cells per second are 0.3516 per env step.
    board = Board("3s_vs_5z")
    stalker, zealot = board.ally("stalker", 12, 16), board.enemy("zealot", 9, 16)
    board.units["target"][0, zealot] = stalker
    board.move(stalker, 31, 16)
    board.advance(8)
    before = board.distance(stalker, zealot)
    for step in range(1, 6):
        board.advance(8)
        assert board.distance(stalker, zealot) - before == pytest.approx(step * 0.3516, abs=1e-3)


def test_banelings_run_at_allies_and_explode_there():
    board = Board("so_many_baneling")
    zealot, baneling = board.ally("zealot", 12, 12), board.enemy("baneling", 16, 13)
    board.advance(40)
    assert board[baneling]["health"] == 0
    assert board[zealot]["shield"] == 15


# Enemy medivacs


def test_an_enemy_medivac_heals_the_most_wounded_near_it():
    board = Board("MMM")
    healer = board.enemy("medivac", 14, 16)
    hurt, worse = board.enemy("marine", 13, 17, health=30), board.enemy("marine", 12, 15, health=20)
    away = board.enemy("marine", 22, 16, health=5)  # 8 − 0.75 − 0.375 = 6.9, beyond 5
    board.advance(8)
    assert board[healer]["target"] == worse
    assert board[worse]["health"] == pytest.approx(24.5)
    assert (board[hurt]["health"], board[away]["health"]) == (30, 5)


def test_an_enemy_medivac_takes_the_next_patient_when_one_is_well():
    board = Board("MMM")
    board.enemy("medivac", 14, 16)
    hurt, worse = board.enemy("marine", 13, 17, health=44), board.enemy("marine", 12, 15, health=43)
    board.advance(8)
    # 2 hp take 3.6 loops; then the other.
    assert board[worse]["health"] == 45
    assert board[hurt]["health"] == 45


def test_an_enemy_medivac_needs_5_energy_for_a_new_patient():
    # From 4.9 on, 0.03515625 per loop: 5.0055 in the third loop.
    board = Board("MMM")
    healer = board.enemy("medivac", 14, 16, energy=4.9)
    marine = board.enemy("marine", 13, 17, health=20)
    board.advance(2)
    assert board[marine]["health"] == 20
    board.advance(1)
    assert board[marine]["health"] == 20.5625
    assert board[healer]["energy"] == pytest.approx(4.9 + 3 * 0.03515625 - 0.1875, abs=1e-5)


def test_an_enemy_medivac_without_energy_leaves_its_patient_until_it_has_5_again():
    # 0.2 lasts one loop (0.1875); then 5 are 140 loops of 0.03515625 away.
    board = Board("MMM")
    healer = board.enemy("medivac", 14, 16, energy=5)
    marine = board.enemy("marine", 13, 17, health=20)
    board.advance(1)
    assert board[healer]["target"] == marine
    board[healer]["energy"] = 0.16484375  # 0.2 after the loop's recharge
    board.advance(2)
    assert board[marine]["health"] == 20 + 2 * 0.5625
    assert board[healer]["target"] == -1
    board.advance(100)
    assert board[marine]["health"] == 20 + 2 * 0.5625


def test_an_enemy_medivac_does_not_heal_allies():
    board = Board("MMM")
    healer, marine = board.enemy("medivac", 14, 16), board.ally("marine", 13, 16, health=20)
    board.advance(30)
    assert board[marine]["health"] == 20
    assert board[healer]["target"] == -1


def test_an_enemy_medivac_follows_the_attack_at_the_pace_of_the_infantry():
    board = Board("MMM")
    healer = board.enemy("medivac", 23, 16)
    march(board, healer, x=9)
    board.advance(16)
    assert board[healer]["x"] == pytest.approx(23 - 2.25)


def test_an_enemy_medivac_flies_to_its_patient_at_its_own_speed():
    # 5.5 cells away it heals from 5.125 on: 0.375 at 2.5/16 = 0.15625 per loop, 3 loops.
    board = Board("MMM")
    healer, marine = board.enemy("medivac", 14, 16), board.enemy("marine", 8.5, 16, health=20)
    board.advance(2)
    assert board[healer]["x"] == pytest.approx(14 - 0.3125)
    board.advance(2)
    assert board[marine]["health"] > 20


# Orders of SMAC's actions


@pytest.mark.parametrize(
    ("action", "order", "goal"),
    [
        (1, IDLE, None),
        (2, MOVE, (0, 2)),
        (3, MOVE, (0, -2)),
        (4, MOVE, (2, 0)),
        (5, MOVE, (-2, 0)),
    ],
)
def test_actions_become_the_orders_that_smac_sends(action, order, goal):
    env = SmacSim(1, map_name="3m")
    env.reset(seed=0)
    before = env.battle.units[0, :3].copy()
    env.step([[action] * 3])
    units = env.battle.units[0, :3]
    assert (units["order"] == order).all()
    if goal is not None:
        np.testing.assert_allclose(units["goal_x"], before["x"] + goal[0], rtol=1e-6)
        np.testing.assert_allclose(units["goal_y"], before["y"] + goal[1], rtol=1e-6)
        travelled = np.hypot(units["x"] - before["x"], units["y"] - before["y"])
        np.testing.assert_allclose(travelled, 1.125, atol=0.15)  # they push each other a little


def test_the_reach_of_a_move_order_is_the_setting():
    env = SmacSim(1, map_name="3m", move_amount=0.5)
    env.reset(seed=0)
    before = env.battle.units["x"][0, :3].copy()
    env.step([[4, 4, 4]])
    np.testing.assert_allclose(env.battle.units["goal_x"][0, :3], before + 0.5, rtol=1e-6)


def test_an_attack_action_sends_the_unit_at_that_enemy():
    env = SmacSim(1, map_name="3m")
    env.reset(seed=0)
    env.battle.units["x"][0, 3:] = 14
    env.step([[1, 1, 1]])
    env.step([[6, 7, 8]])
    assert env.battle.units["order"][0, :3].tolist() == [ATTACK] * 3
    assert env.battle.units["target"][0, :3].tolist() == [3, 4, 5]
