"""What the stand-in for StarCraft II says and does."""

import numpy as np
import pytest
from batteries import battery_but

from rllib_remix.envs.smac.maps import MAPS, smac_map
from rllib_remix.envs.smac_sim.battles.battle import Battle
from tests.envs.smac.standin.controller import LostGame
from tests.envs.smac.standin.game import ALLY, ENEMY, Game
from tests.envs.smac.standin.in_process import InProcessController
from tests.envs.smac.standin.messages import STATUS, Request, enum_values
from tests.envs.smac.standin.requests import by_place, creation, joining, kill, order, started, units

SUCCESS, ERROR = enum_values("ActionResult")["Success"], enum_values("ActionResult")["Error"]
MOVE, ATTACK, HEAL, STOP = 16, 23, 386, 4


@pytest.fixture
def game():
    """A controller of a game that was not created yet, in this process."""
    return InProcessController()


def numbers(seen):
    return [(u.owner, u.unit_type, u.pos.x, u.pos.y, u.health, u.shield, u.weapon_cooldown) for u in seen]


# The protocol


def test_status_goes_from_launched_over_init_game_to_in_game_and_stays_there():
    game = Game(base_build=1)
    ping = Request()
    ping.ping.SetInParent()
    step = Request()
    step.step.count = 100
    requests = [ping, creation(), joining(), *[step] * 20]
    statuses = [game.answer(request).status for request in requests]
    expected = ["launched", "init_game", *["in_game"] * 21]
    assert statuses == [STATUS[name] for name in expected]


@pytest.mark.parametrize(
    "name", ["join_game", "game_info", "observation", "action", "step", "debug", "save_replay"]
)
def test_a_request_at_the_wrong_time_gets_an_error_that_says_when_it_is_right(game, name):
    with pytest.raises(LostGame, match=rf"{name}: .*(status launched; it must be .*in_game|error)"):
        game.ask(name)
    assert game.ask("ping").base_build == 1


def test_a_response_carries_the_number_of_its_request():
    request = creation()
    request.id = 37
    assert Game(1).answer(request).id == 37


def test_an_unknown_request_gets_an_error(game):
    with pytest.raises(LostGame, match="query: the stand-in does not know this request"):
        game.ask("query")


def test_a_map_that_is_not_smacs_is_refused(game):
    with pytest.raises(LostGame, match=r"'SMAC_Maps/4m\.SC2Map' is none of SMAC's maps"):
        game.send(creation("4m"))


@pytest.mark.parametrize("players", [(), ("Participant",), ("Participant", "Participant")])
def test_a_game_needs_a_participant_and_a_computer(game, players):
    with pytest.raises(LostGame, match="create_game"):
        game.send(creation(players=players))


def test_joining_needs_the_raw_interface(game):
    game.send(creation())
    with pytest.raises(LostGame, match="join_game"):
        game.send(joining(raw=False))
    assert game.send(joining()).player_id == ALLY


def test_a_game_can_be_created_again(game):
    started(game, "3m")
    assert len(units(started(game, "MMM2"))) == 22


# The ground


@pytest.mark.parametrize("map_name", battery_but(["3m"], ["3m", "corridor", "2c_vs_64zg", "2s_vs_1sc"]))
def test_the_grids_read_as_smac_reads_them_are_those_of_the_battle(game, map_name):
    battle = Battle(map_name)
    raw = started(game, map_name).ask("game_info").start_raw
    assert (raw.map_size.x, raw.map_size.y) == (32, 32)
    area = raw.playable_area
    assert (area.p0.x, area.p0.y, area.p1.x, area.p1.y) == (0, 0, 32, 32)
    assert raw.pathing_grid.bits_per_pixel == 1
    # A row of 4 bytes per y, from the south, the most significant bit in the west.
    rows = np.frombuffer(raw.pathing_grid.data, np.uint8).reshape(32, 4)
    walkable = [[bool(rows[y, x // 8] >> (7 - x % 8) & 1) for y in range(32)] for x in range(32)]
    assert np.array_equal(walkable, battle.pathing)
    # SMAC turns the rows of heights round.
    assert raw.terrain_height.bits_per_pixel == 8
    heights = np.frombuffer(raw.terrain_height.data, np.uint8).reshape(32, 32)
    assert np.array_equal(heights.T[:, ::-1], battle.heights)


# Units


@pytest.mark.parametrize("map_name", battery_but(["3m", "MMM2"], MAPS))
def test_types_owners_and_maxima_are_smacs(game, map_name):
    stock = {"colossus": 4, "baneling": 9, "marine": 48, "marauder": 51, "medivac": 54, "zealot": 73}
    stock |= {"stalker": 74, "spine_crawler": 98, "zergling": 105, "hydralisk": 107}
    started(game, map_name)
    expected = smac_map(map_name)
    allies = by_place(units(game, ALLY))
    first = allies[0].unit_type
    assert first > max(stock.values())
    kinds = [name for name, _ in expected.allies]
    assert [kinds[unit.unit_type - first] for unit in allies] == list(expected.ally_types)
    enemies = units(game, ENEMY)
    assert [unit.unit_type for unit in enemies] == [stock[name] for name in expected.enemy_types]
    assert sum(unit.health_max + unit.shield_max for unit in enemies) == expected.enemy_total
    assert len({unit.tag for unit in units(game)}) == expected.n_agents + expected.n_enemies


def test_allies_are_listed_out_of_order(game):
    allies = units(started(game, "8m"), ALLY)
    assert [unit.tag for unit in allies] != [unit.tag for unit in by_place(allies)]


def test_numbers_are_those_of_the_battle_bit_by_bit(game):
    started(game, "2s3z", seed=5)
    battle = Battle("2s3z")
    battle.seed(5)
    battle.reset(0)
    for _ in range(10):
        seen = [*by_place(units(game, ALLY)), *units(game, ENEMY)]
        for field in ("health", "shield"):
            assert [getattr(unit, field) for unit in seen] == battle.units[0][field].tolist()
        assert [(unit.pos.x, unit.pos.y) for unit in seen] == battle.units[0][["x", "y"]].tolist()
        cooldowns = np.maximum(battle.units[0]["cooldown"], 0)
        assert [unit.weapon_cooldown for unit in seen] == cooldowns.tolist()
        game.ask("step", count=8)
        battle.advance(0, 8)


def test_games_with_one_seed_are_equal_and_with_another_differ():
    games = [started(InProcessController(), seed=seed) for seed in (1, 1, 2)]
    for game in games:
        game.ask("step", count=80)
    one, same, other = (numbers(units(game)) for game in games)
    assert one == same != other


def test_without_a_seed_games_differ():
    games = [started(InProcessController(), seed=None) for _ in range(2)]
    assert numbers(units(games[0])) != numbers(units(games[1]))


# Orders


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (-2, 0), (0, 2), (0, -2)])
def test_a_move_order_moves_its_unit_and_no_other(game, dx, dy):
    unit, other = by_place(units(started(game, "2m_vs_1z"), ALLY))  # far enough apart not to touch
    assert order(game, unit, MOVE, place=(unit.pos.x + dx, unit.pos.y + dy)) == [SUCCESS]
    game.ask("step", count=8)
    after = {seen.tag: (seen.pos.x, seen.pos.y) for seen in units(game, ALLY)}
    expected = unit.pos.x + dx * 1.125 / 2, unit.pos.y + dy * 1.125 / 2  # 2.25 cells per second
    assert after[unit.tag] == pytest.approx(expected, abs=0.02)
    assert after[other.tag] == (other.pos.x, other.pos.y)


def test_a_stop_order_ends_a_move(game):
    unit, _ = by_place(units(started(game, "2m_vs_1z"), ALLY))
    order(game, unit, MOVE, place=(unit.pos.x + 2, unit.pos.y))
    assert order(game, unit, STOP) == [SUCCESS]
    game.ask("step", count=8)
    (after,) = (seen for seen in units(game, ALLY) if seen.tag == unit.tag)
    assert (after.pos.x, after.pos.y) == (unit.pos.x, unit.pos.y)


def test_an_attack_order_hurts_its_target(game):
    (target,) = units(started(game, "2m_vs_1z"), ENEMY)
    for unit in units(game, ALLY):
        assert order(game, unit, ATTACK, target=target) == [SUCCESS]
    game.ask("step", count=40)
    (after,) = units(game, ENEMY)
    assert after.shield < target.shield


def test_a_heal_order_heals(game):
    started(game, "MMM")
    patients = [unit for unit in by_place(units(game, ALLY)) if unit.health_max == 45]
    medivac = by_place(units(game, ALLY))[-1]
    game.game._battle.units["health"][0, 2] = 10.0
    assert order(game, medivac, HEAL, target=patients[0]) == [SUCCESS]
    game.ask("step", count=16)
    seen = {unit.tag: unit.health for unit in units(game)}
    assert seen[patients[0].tag] > 10.0


def test_orders_that_cannot_be_carried_out_are_answered_with_an_error_and_change_nothing(game):
    ally, enemy = by_place(units(started(game), ALLY))[0], units(game, ENEMY)[0]
    assert order(game, enemy, MOVE, place=(1, 1)) == [ERROR]
    assert order(game, ally, MOVE) == [ERROR]
    assert order(game, ally, 9999, place=(1, 1)) == [ERROR]
    assert order(game, ally, MOVE, place=(1, 1), queued=True) == [ERROR]
    kill(game, [enemy.tag])
    assert order(game, ally, ATTACK, target=enemy) == [ERROR]
    kill(game, [ally.tag])
    assert order(game, ally, STOP) == [ERROR]


# Deaths and new armies


def test_dead_units_are_not_listed(game):
    first, *others = units(started(game), ENEMY)
    kill(game, [first.tag])
    game.ask("step", count=1)
    assert [unit.tag for unit in units(game, ENEMY)] == [unit.tag for unit in others]


def test_after_everyone_was_killed_both_armies_stand_there_as_created_with_new_tags(game):
    started(game, seed=9)
    battle = Battle("3m")
    battle.seed(9)
    battle.reset(0)
    tags = {unit.tag for unit in units(game)}
    for _ in range(3):
        game.ask("step", count=16)
        battle.advance(0, 16)
        kill(game, [unit.tag for unit in units(game)])
        game.ask("step", count=2)
        battle.reset(0)
        seen = [*by_place(units(game, ALLY)), *units(game, ENEMY)]
        assert [(unit.pos.x, unit.pos.y) for unit in seen] == battle.units[0][["x", "y"]].tolist()
        assert [unit.health for unit in seen] == battle.units[0]["health"].tolist()
        assert tags.isdisjoint(unit.tag for unit in seen)
        tags |= {unit.tag for unit in seen}


def test_tags_of_earlier_armies_name_nobody(game):
    old = units(started(game), ALLY)
    kill(game, [unit.tag for unit in units(game)])
    game.ask("step", count=2)
    assert order(game, old[0], STOP) == [ERROR]


def test_after_a_draw_the_new_armies_wait_for_the_client(game):
    started(game)
    tags = {unit.tag for unit in units(game)}
    game.game._battle.units["health"] = 0.0  # both armies die in one step
    game.ask("step", count=8)
    new = units(game)
    assert len(new) == 6
    assert tags.isdisjoint(unit.tag for unit in new)
    kill(game, [])  # SMAC sees nobody left to kill
    game.ask("step", count=2)
    assert numbers(units(game)) == numbers(new)
    game.ask("step", count=2)
    assert numbers(units(game)) != numbers(new)
