"""What the stand-in for StarCraft II says and does, and how it fails when it is told to."""

import os
import time

import numpy as np
import pytest

from rllib_remix.envs.smac.maps import MAPS, smac_map
from rllib_remix.envs.smac_sim.battle import Battle
from tests.envs.smac.standin import server
from tests.envs.smac.standin.controller import Controller, LostGame
from tests.envs.smac.standin.faults import EXIT_CODE, FAULTS_VARIABLE, Fault, Faults
from tests.envs.smac.standin.game import ALLY, ENEMY, Game
from tests.envs.smac.standin.in_process import InProcessController
from tests.envs.smac.standin.installation import install
from tests.envs.smac.standin.messages import STATUS, Request, enum_values

SUCCESS, ERROR = enum_values("ActionResult")["Success"], enum_values("ActionResult")["Error"]
PLAYER = enum_values("PlayerType")
MOVE, ATTACK, HEAL, STOP = 16, 23, 386, 4


# Requests


def creation(map_name="3m", seed=7, players=("Participant", "Computer")):
    request = Request()
    request.create_game.local_map.map_path = f"SMAC_Maps/{map_name}.SC2Map"
    for player in players:
        request.create_game.player_setup.add(type=PLAYER[player])
    if seed is not None:
        request.create_game.random_seed = seed
    return request


def joining(raw=True):
    request = Request()
    request.join_game.options.raw = raw
    return request


def started(controller, map_name="3m", seed=7):
    controller.send(creation(map_name, seed))
    controller.send(joining())
    return controller


def units(controller, owner=None):
    seen = controller.ask("observation").observation.raw_data.units
    return [unit for unit in seen if owner in (None, unit.owner)]


def by_place(seen):
    return sorted(seen, key=lambda unit: (unit.unit_type, unit.pos.x, unit.pos.y))


def kill(controller, tags):
    request = Request()
    request.debug.debug.add().kill_unit.tag.extend(tags)
    controller.send(request)


def order(controller, unit, ability, *, target=None, place=None, queued=False):
    """The result of an order to one unit."""
    request = Request()
    command = request.action.actions.add().action_raw.unit_command
    command.ability_id, command.queue_command = ability, queued
    command.unit_tags.append(unit.tag)
    if target is not None:
        command.target_unit_tag = target.tag
    if place is not None:
        command.target_world_space_pos.x, command.target_world_space_pos.y = place
    return list(controller.send(request).result)


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


@pytest.mark.parametrize("map_name", ["3m", "corridor", "2c_vs_64zg", "2s_vs_1sc"])
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


@pytest.mark.parametrize("map_name", MAPS)
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
    started(game)
    target = units(game, ENEMY)[1]
    for _ in range(12):
        for unit in units(game, ALLY):
            assert order(game, unit, ATTACK, target=target) == [SUCCESS]
        game.ask("step", count=8)
    seen = {unit.tag: unit.health for unit in units(game, ENEMY)}
    assert seen.get(target.tag, 0.0) < target.health_max


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


# The process


@pytest.fixture
def sc2(tmp_path):
    installation = install(tmp_path / "sc2", maps=["3m"])
    yield installation
    deadline = time.monotonic() + 5.0
    while installation.running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert installation.running() == []


@pytest.fixture
def launch(sc2, monkeypatch):
    """Starts a game process, with new faults if any are named, and connects to it."""
    opened = []

    def start(*faults, timeout_s=60.0):
        monkeypatch.setattr(Controller, "TIMEOUT_S", timeout_s)
        if faults:
            sc2.set_faults(*faults)
        opened.append(Controller(sc2.folder))
        return opened[-1]

    yield start
    for controller in opened:
        controller.close()


def steps_until_lost(controller, most):
    for count in range(most):
        try:
            controller.ask("step", count=1)
        except LostGame:
            return count
    return most


def test_a_game_process_plays_and_ends_when_it_is_told_to(sc2, launch):
    controller = started(launch())
    controller.ask("step", count=8)
    assert len(units(controller)) == 6
    assert controller.ask("save_replay").data
    assert sc2.running() == sc2.launched() == [controller._process.pid]
    controller.close()
    assert controller._process.returncode == server.QUIT_CODE


def test_a_game_process_waits_for_another_client_when_one_goes_away(launch):
    controller = started(launch())
    _, port = controller._connection.socket.getpeername()
    controller._connection.close()
    controller._connection = controller._connect(port)
    assert len(units(controller)) == 6


def test_messages_may_come_in_frames_for_text(launch):
    controller = launch()
    send = controller._connection.send
    controller._connection.send = lambda data: send(data, text=True)
    assert controller.ask("ping").base_build == 75689


def test_a_game_exits_at_the_chosen_step(sc2, launch):
    controller = started(launch(Fault("exit", "step", at=5)))
    assert steps_until_lost(controller, most=10) == 4
    controller.close()
    assert controller._process.returncode == EXIT_CODE


def test_a_game_that_hangs_does_not_answer(launch, monkeypatch):
    controller = started(launch(Fault("hang", "debug")))
    monkeypatch.setattr(Controller, "TIMEOUT_S", 0.3)
    with pytest.raises(LostGame, match="debug: no answer"):
        kill(controller, [])
    assert controller._process.poll() is None


@pytest.mark.parametrize(
    ("do", "text"), [("exit", f"exit code {EXIT_CODE} at its start"), ("hang", "no connection")]
)
def test_a_game_can_fail_in_its_start(launch, do, text):
    with pytest.raises(LostGame, match=text):
        launch(Fault(do, "launch"), timeout_s=10.0 if do == "exit" else 1.0)


def test_faults_can_be_set_while_a_game_runs(sc2, launch):
    controller = started(launch())
    assert steps_until_lost(controller, most=3) == 3
    sc2.set_faults(Fault("exit", "step"))
    assert steps_until_lost(controller, most=3) == 0


def test_a_fault_that_happens_once_spares_the_next_process(launch):
    assert steps_until_lost(started(launch(Fault("exit", "step", once=True))), most=1) == 0
    assert steps_until_lost(started(launch()), most=3) == 3


def test_faults_by_chance_are_seeded_and_differ_between_processes(tmp_path, monkeypatch):
    class Exit(Exception):
        pass

    def exit_instead(code):
        raise Exit

    def requests_until_exit(launch, seed):
        (tmp_path / "faults.json").write_text(
            f'[{{"do": "exit", "on": "step", "probability": 0.02, "seed": {seed}}}]'
        )
        faults = Faults(tmp_path, launch)
        for count in range(10_000):
            try:
                faults.before("step")
            except Exit:
                return count
        return None

    monkeypatch.setattr(os, "_exit", exit_instead)
    counts = [requests_until_exit(launch, seed=3) for launch in range(1, 101)]
    assert counts == [requests_until_exit(launch, seed=3) for launch in range(1, 101)]
    assert counts != [requests_until_exit(launch, seed=4) for launch in range(1, 101)]
    assert np.mean(counts) == pytest.approx(49, abs=15)  # (1 − p) / p; 4.9 is a standard error


def test_faults_can_come_from_the_environment(launch, monkeypatch):
    monkeypatch.setenv(FAULTS_VARIABLE, '[{"do": "exit", "on": "step", "at": 2}]')
    assert steps_until_lost(started(launch()), most=5) == 1


def test_a_game_can_start_and_answer_late(launch):
    begin = time.monotonic()
    controller = started(launch(Fault("wait", "launch", seconds=1.5), Fault("wait", "step", seconds=0.3)))
    assert time.monotonic() - begin > 1.5
    begin = time.monotonic()
    controller.ask("step", count=1)
    assert time.monotonic() - begin > 0.3


def test_a_game_can_take_ever_more_memory(launch):
    def resident(pid):
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    controller = started(launch(Fault("eat", "step", megabytes=20)))
    controller.ask("step", count=1)
    before = resident(controller._process.pid)
    for _ in range(5):
        controller.ask("step", count=1)
    assert resident(controller._process.pid) - before == pytest.approx(100, abs=10)


def test_a_forgotten_game_ends_by_itself(launch, monkeypatch):
    monkeypatch.setenv(server.LIFETIME_VARIABLE, "2.5")
    controller = started(launch())
    assert controller._process.wait(10.0) == server.LIFETIME_CODE
