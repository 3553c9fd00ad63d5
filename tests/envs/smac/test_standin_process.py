"""The stand-in for StarCraft II as a process, and how it fails when it is told to."""

import os
import subprocess
import time

import numpy as np
import pytest

from tests.envs.smac.standin import server
from tests.envs.smac.standin.controller import Controller, LostGame
from tests.envs.smac.standin.faults import EXIT_CODE, FAULTS_VARIABLE, Fault, Faults
from tests.envs.smac.standin.installation import install
from tests.envs.smac.standin.requests import kill, started, units

pytestmark = pytest.mark.slow


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


def test_a_forgotten_game_ends_by_itself(sc2, monkeypatch):
    monkeypatch.setenv(server.LIFETIME_VARIABLE, "0.5")
    game = subprocess.Popen([sc2.binary, "-port", "0", "-dataDir", sc2.folder])
    assert game.wait(60.0) == server.LIFETIME_CODE
